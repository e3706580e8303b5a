//! The name that somebody who misspelt one probably meant.

/// The one of `known` that is most like `name`, if any is.
pub(crate) fn nearest(name: &str, known: &[String]) -> Option<String> {
    let similarity = |known: &String| strsim::jaro_winkler(name, known);
    let alike = known.iter().filter(|known| similarity(known) > ALIKE);
    alike.max_by(|a, b| similarity(a).total_cmp(&similarity(b))).cloned()
}

/// The similarity from which on clap, too, suggests a name.
const ALIKE: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_alike_and_nothing_else() {
        let known = ["kubernetes", "docker"].map(str::to_owned);
        assert_eq!(nearest("kubernets", &known).as_deref(), Some("kubernetes"));
        assert_eq!(nearest("doker", &known).as_deref(), Some("docker"));
        assert_eq!(nearest("x", &known), None);
    }
}
