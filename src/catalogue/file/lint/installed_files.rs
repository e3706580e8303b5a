//! The rules of the files that an installation puts into a guest.

use std::collections::BTreeMap;

use super::super::diagnostic::{Diagnostic, Field};
use super::super::document::Node;
use super::{Lint, list};
use crate::catalogue::FILE_END;

impl Lint<'_> {
    /// Each of them has a place of its own, and a sum wherever it is published.
    pub(super) fn installed_files(&mut self, installation: &Node, field: &Field) {
        let checksums = installation.get("releases").and_then(|releases| releases.get("checksums"));
        if let Some(checksums) = checksums {
            self.unless(!is_empty(checksums), checksums, &field.key("releases").key("checksums"), "is empty");
        }
        let mut places = BTreeMap::new();
        for (field, step) in list(installation, field, "steps") {
            if let Some(download) = step.get("download") {
                let field = field.key("download");
                self.place(download, &field, &mut places);
                self.published_files(download, &field, checksums);
            }
            if let Some(file) = step.get("file") {
                let field = field.key("file");
                self.place(file, &field, &mut places);
                self.file_text(file, &field);
            }
        }
    }

    /// A folder is no place for a file, and one that another step has written would be replaced.
    fn place<'n>(&mut self, step: &'n Node, field: &Field, known: &mut BTreeMap<&'n str, usize>) {
        let Some((node, place)) = step.get("place").and_then(|node| Some((node, node.text()?))) else {
            return;
        };
        let field = field.key("place");
        let is_file = place.split('/').skip(1).all(|part| !matches!(part, "" | "."));
        self.unless(is_file, node, &field, "is not the path of a file");
        if let Some(line) = known.get(place) {
            let what = format!("`{place}` is in line {line} already");
            self.diagnostics.push(Diagnostic::new(node.position, &field, what));
        } else {
            known.insert(place, node.position.line);
        }
    }

    /// What has no sum cannot be verified.
    fn published_files(&mut self, download: &Node, field: &Field, checksums: Option<&Node>) {
        let Some(files) = download.get("files") else { return };
        let field = field.key("files");
        self.unless(!is_empty(files), files, &field, "is empty");
        let Some(checksums) = checksums.filter(|checksums| checksums.is_mapping()) else { return };
        for (platform, _) in files.entries() {
            let Some(name) = platform.text() else { continue };
            let what = "is no platform of `releases.checksums`";
            self.unless(checksums.get(name).is_some(), platform, &field.key(name), what);
        }
    }

    fn file_text(&mut self, file: &Node, field: &Field) {
        let Some((node, text)) = file.get("text").and_then(|node| Some((node, node.text()?))) else { return };
        let ends = text.lines().any(|line| line.trim() == FILE_END);
        let what = format!("has the line `{FILE_END}`, which ends a file where its commands are shown");
        self.unless(!ends, node, &field.key("text"), &what);
    }
}

fn is_empty(mapping: &Node) -> bool {
    mapping.is_mapping() && mapping.entries().next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::catalogue::file::read;

    const INSTALLATION: &str = "\
name: kubernetes
install:
  - name: own
    when: { files: [/run/systemd/system] }
    releases:
      name: own
      latest: https://example.com/latest
      folder: https://example.com/{tag}
      checksums: { linux/amd64: sums, linux/arm64: sums-arm64 }
    steps:
      - download: { place: /usr/local/bin/own, mode: program, files: { linux/amd64: own } }
      - file: { place: /etc/own.yaml, mode: readable, text: \"a: b\\n\" }
";

    /// The diagnostics in a text, as `LINE: FIELD: what`.
    fn told(text: &str) -> Vec<String> {
        let catalogue = Catalogue::built_in().unwrap();
        let read = read(text, catalogue.entries().iter().map(|entry| &entry.service));
        let diagnostics = read.err().unwrap_or_default().into_iter();
        let line = |told: &Diagnostic| told.position.map_or(0, |position| position.line);
        diagnostics.map(|told| format!("{}: {}: {}", line(&told), told.field.as_str(), told.what)).collect()
    }

    #[test]
    fn what_is_put_into_a_guest_is_a_file_with_a_sum() {
        assert_eq!(told(INSTALLATION), [""; 0]);
        let download = "install[0].steps[0].download";
        let file = "install[0].steps[1].file";
        let no_file = "place: is not the path of a file";
        let ends = "text: has the line `END-OF-FILE`, which ends a file where its commands are shown";
        let odd_platform = "is no platform of `releases.checksums`";
        for (from, to, diagnostic) in [
            ("/usr/local/bin/own", "/usr/local/bin/", format!("11: {download}.{no_file}")),
            ("/etc/own.yaml", "/etc/", format!("12: {file}.{no_file}")),
            ("/etc/own.yaml", "/", format!("12: {file}.{no_file}")),
            ("/etc/own.yaml", "/etc/.", format!("12: {file}.{no_file}")),
            ("/etc/own.yaml", "/etc//own.yaml", format!("12: {file}.{no_file}")),
            (
                "/etc/own.yaml",
                "/usr/local/bin/own",
                format!("12: {file}.place: `/usr/local/bin/own` is in line 11 already"),
            ),
            ("a: b\\n", "a: b\\nEND-OF-FILE\\nreboot\\n", format!("12: {file}.{ends}")),
            ("a: b\\n", "END-OF-FILE \\n", format!("12: {file}.{ends}")),
            ("{ linux/amd64: own }", "{}", format!("11: {download}.files: is empty")),
            (
                "{ linux/amd64: own }",
                "{ linux/riscv64: own }",
                format!("11: {download}.files.linux/riscv64: {odd_platform}"),
            ),
        ] {
            let text = INSTALLATION.replacen(from, to, 1);
            assert_eq!(told(&text), [diagnostic], "{to}");
        }
        let text = INSTALLATION.replacen("{ linux/amd64: sums, linux/arm64: sums-arm64 }", "{}", 1);
        assert_eq!(
            told(&text),
            [
                "9: install[0].releases.checksums: is empty".to_owned(),
                format!("11: {download}.files.linux/amd64: {odd_platform}")
            ]
        );
        assert_eq!(told(&INSTALLATION.replace("a: b", "a: END-OF-FILE")), [""; 0]);
    }
}
