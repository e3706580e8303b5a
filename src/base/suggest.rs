//! The name that somebody who misspelt one probably meant.

/// The one of `known` that is most like `name`, if one is so much alike that it is probably meant.
pub(crate) fn nearest(name: &str, known: &[String]) -> Option<String> {
    let alike = known.iter().filter_map(|known| Some((distance(name, known)?, known)));
    alike.min_by_key(|(distance, _)| *distance).map(|(_, known)| known.clone())
}

/// How many letters have to be changed, or swapped with the next one, until `name` is `known`. None where the two are
/// different words: a wrong suggestion costs more than none.
fn distance(name: &str, known: &str) -> Option<usize> {
    let (typed, whole) = (name.trim_start_matches('-').to_lowercase(), known.trim_start_matches('-'));
    if typed.is_empty() {
        return None;
    }
    let letters = typed.chars().count();
    if letters >= SHORTEST_BEGINNING && whole.starts_with(&typed) {
        return Some(1);
    }
    let longer = letters.max(whole.chars().count());
    let most = (longer / LETTERS_PER_MISTAKE).clamp(1, MOST_MISTAKES);
    Some(strsim::osa_distance(&typed, whole)).filter(|distance| *distance <= most && *distance < letters)
}

const SHORTEST_BEGINNING: usize = 3;
const LETTERS_PER_MISTAKE: usize = 3;
const MOST_MISTAKES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest_of(name: &str, known: &[&str]) -> Option<String> {
        nearest(name, &known.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn suggests_what_is_alike() {
        for (name, known) in [
            ("kubernets", "kubernetes"),
            ("kube", "kubernetes"),
            ("doker", "docker"),
            ("Docker", "docker"),
            ("zhs", "zsh"),
            ("statsu", "status"),
            ("--machin", "--machine"),
            ("--script-readble", "--script-readable"),
        ] {
            let all = ["kubernetes", "docker", "zsh", "start", "status", "--machine", "--script-readable"];
            assert_eq!(nearest_of(name, &all).as_deref(), Some(known), "{name}");
        }
    }

    #[test]
    fn suggests_no_other_word() {
        let all = [
            "clients",
            "services",
            "help",
            "man",
            "kubeconfig",
            "console",
            "logs",
            "docker",
            "--since",
            "--use",
            "--watch",
        ];
        for name in
            ["x", "", "--", "list", "version", "shell", "podman-env", "config", "--lines", "default", "url"]
        {
            assert_eq!(nearest_of(name, &all), None, "{name}");
        }
    }
}
