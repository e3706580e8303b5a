//! The table: line by line for who waits, and in `target/bench/` as text, as JSON and for docs/explanation/performance.md.

use std::process::{Command, ExitCode};
use std::{fmt, fs, thread};

use serde_json::{Value, json};

use service_manager_test_support::repository;

use crate::measure::{Goal, Line, Outcome, Times};

/// Prints the head of the table.
pub(crate) fn begin() {
    println!("{}", HEAD.trim_end());
}

/// Prints a line of it.
pub(crate) fn show(line: &Line) {
    println!("{}", text(line).trim_end());
}

/// Writes the files. Succeeds when every program did what it should; a goal that is not met is no failure.
pub(crate) fn end(lines: &[Line]) -> ExitCode {
    let folder = repository().join("target/bench");
    let table: String = lines.iter().map(text).collect();
    let (met, missed) = (count(lines, Some(true)), count(lines, Some(false)));
    let summary = format!("{met} rows meet their goals, {missed} do not");
    println!("\n{summary}; {}", circumstances());
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("table.txt"), format!("{HEAD}{table}\n{summary}\n{}\n", circumstances())).unwrap();
    fs::write(folder.join("table.md"), markdown(lines)).unwrap();
    let document =
        json!({ "circumstances": circumstances(), "rows": lines.iter().map(value).collect::<Vec<_>>() });
    fs::write(folder.join("table.json"), format!("{document:#}\n")).unwrap();
    let has_failed = lines.iter().any(|line| matches!(line.outcome, Outcome::Failed(_)));
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn count(lines: &[Line], verdict: Option<bool>) -> usize {
    lines.iter().filter(|line| line.is_met() == verdict).count()
}

fn text(line: &Line) -> String {
    let Line { row, outcome } = line;
    let names = format!("{:<34} {:<30}", row.ours, row.theirs);
    match outcome {
        Outcome::Times(Times { pairs, ours, theirs, ratio, middle_half: (low, high) }) => format!(
            "{names} {ours:>9.1} {theirs:>9.1} {ratio:>6.2} {:>12} {pairs:>5}  {:<16} {}\n",
            format!("{low:.2} to {high:.2}"),
            goals(&row.goals),
            verdict(line)
        ),
        Outcome::Peak(mebibytes) => format!(
            "{names} {:>9} {:>35}  {:<16} {}\n",
            format!("{mebibytes:.1} MiB"),
            "",
            goals(&row.goals),
            verdict(line)
        ),
        Outcome::Missing(reason) => format!("{names} not measured: {reason}\n"),
        Outcome::Failed(failure) => format!("{names} FAILED: {failure}\n"),
    }
}

fn markdown(lines: &[Line]) -> String {
    let head = "| what | against | ours | theirs | ratio | middle half | pairs | goal | |\n\
                |---|---|--:|--:|--:|---|--:|---|---|\n";
    head.to_owned() + &lines.iter().map(markdown_line).collect::<String>()
}

fn markdown_line(line: &Line) -> String {
    let Line { row, outcome } = line;
    let cells = match outcome {
        Outcome::Times(Times { pairs, ours, theirs, ratio, middle_half: (low, high) }) => {
            format!("{ours:.1} ms | {theirs:.1} ms | {ratio:.2} | {low:.2} to {high:.2} | {pairs}")
        }
        Outcome::Peak(mebibytes) => format!("{mebibytes:.1} MiB | | | |"),
        Outcome::Missing(reason) | Outcome::Failed(reason) => format!("not measured: {reason} | | | |"),
    };
    format!("| {} | {} | {cells} | {} | {} |\n", row.ours, row.theirs, goals(&row.goals), verdict(line))
}

fn value(line: &Line) -> Value {
    let mut value = match &line.outcome {
        Outcome::Times(times) => json!({
            "ours_ms": times.ours,
            "theirs_ms": times.theirs,
            "ratio": times.ratio,
            "middle_half": [times.middle_half.0, times.middle_half.1],
            "pairs": times.pairs,
        }),
        Outcome::Peak(mebibytes) => json!({ "peak_mib": mebibytes }),
        Outcome::Missing(reason) => json!({ "not_measured": reason }),
        Outcome::Failed(failure) => json!({ "failed": failure }),
    };
    let goals: Vec<String> = line.row.goals.iter().map(Goal::to_string).collect();
    value["ours"] = json!(line.row.ours);
    value["theirs"] = json!(line.row.theirs);
    value["goals"] = json!(goals);
    value["met"] = json!(line.is_met());
    value
}

fn goals(goals: &[Goal]) -> String {
    goals.iter().map(Goal::to_string).collect::<Vec<_>>().join(", ")
}

fn verdict(line: &Line) -> &'static str {
    match line.is_met() {
        Some(true) => "met",
        Some(false) => "NOT MET",
        None => "",
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(most) => write!(f, "{most:.2}"),
            Self::Millis(most) => write!(f, "{most} ms"),
            Self::MoreMillis(most) => write!(f, "{most} ms more"),
            Self::Mebibytes(most) => write!(f, "{most} MiB"),
        }
    }
}

/// When and on what it was measured.
fn circumstances() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{}, commit {}, {} with {} processors, load {}",
        said("date", &["+%Y-%m-%d"]),
        said("git", &["describe", "--always", "--dirty"]),
        said("uname", &["-srm"]),
        thread::available_parallelism().unwrap(),
        load.split(' ').next().unwrap_or_default(),
    )
}

const HEAD: &str = "what                               against                             ours/ms theirs/ms  ratio  middle half pairs  goal             verdict\n";
