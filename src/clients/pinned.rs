//! Checksums of releases whose publisher has none, as others saw them.

use super::checksum::Checksum;

/// The checksums that were seen at `url`, the current one first; none when nobody looked.
pub(super) fn pinned(url: &str) -> Vec<Checksum> {
    let lines = KNOWN.lines().filter(|line| !line.starts_with('#'));
    let line = lines.filter_map(|line| line.split_once('\t')).find(|(known, _)| *known == url);
    let mut columns = line.map(|(_, rest)| rest.split('\t')).into_iter().flatten();
    let (current, before) = (columns.next(), columns.nth(1));
    current.into_iter().chain(before).filter_map(|text| Checksum::parse(text).ok()).collect()
}

const KNOWN: &str = include_str!("../../services/known-sha256.tsv");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_an_address_and_its_checksums() {
        let lines: Vec<&str> = KNOWN.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 418);
        for line in lines {
            let columns: Vec<&str> = line.split('\t').collect();
            assert!(columns[0].starts_with("https://") && (3..=4).contains(&columns.len()), "{line}");
            assert_eq!(pinned(columns[0]).len(), columns.len() - 2, "{line}");
        }
    }

    #[test]
    fn what_was_replaced_has_two() {
        let seen = pinned("https://download.docker.com/linux/static/stable/x86_64/docker-27.5.0.tgz");
        assert!(
            seen[0].to_string().starts_with("sha256:4fca6bb9")
                && seen[1].to_string().starts_with("sha256:c5417d20")
        );
        assert_eq!(pinned("https://download.docker.com/nothing"), []);
    }
}
