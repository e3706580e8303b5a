//! YAML text → a tree that knows where everything stands in the text. Bounded, whatever the text is.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_yaml::Value;

use super::diagnostic::{Diagnostic, Field, Position};

/// The content of a file.
#[derive(Debug)]
pub(crate) struct YamlDocument {
    /// Its root; `null` when there is nothing in it.
    pub(crate) root: Rc<Node>,
    /// What is wrong with it as YAML.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// A value and where it begins. One that has several aliases is there once.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) content: NodeContent,
    /// The number of values that it stands for, itself among them, when every alias is written out.
    size: usize,
    /// How deep they are nested.
    depth: usize,
}

#[derive(Debug)]
pub(crate) enum NodeContent {
    /// Null, a truth value, a number or text.
    Scalar(Value),
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
}

impl YamlDocument {
    /// Reads the one document in `text`.
    ///
    /// Errors: it is not YAML, or stands for more than it should.
    pub(crate) fn parse(text: &str) -> Result<Self, Diagnostic> {
        let mut loader = Loader::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| not_yaml(&error))?;
            if matches!(event, Event::DocumentStart(_)) && loader.root.is_some() {
                let what = "a file holds one document; this is another one";
                loader.diagnostics.push(Diagnostic::new(position(span), &Field::default(), what));
                break;
            }
            loader.take(event, position(span))?;
        }
        let root = loader.root.unwrap_or_else(|| Rc::new(Node::new(START, NodeContent::Scalar(Value::Null))));
        Ok(Self { root, diagnostics: loader.diagnostics })
    }
}

impl Node {
    fn new(position: Position, content: NodeContent) -> Self {
        let children: Vec<&Rc<Self>> = match &content {
            NodeContent::Scalar(_) => Vec::new(),
            NodeContent::Sequence(items) => items.iter().collect(),
            NodeContent::Mapping(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
        };
        let size = children.iter().fold(1_usize, |sum, child| sum.saturating_add(child.size));
        let depth = 1 + children.iter().map(|child| child.depth).max().unwrap_or(0);
        Self { position, content, size, depth }
    }

    /// The value of `key`, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.content, NodeContent::Mapping(_))
    }

    /// What is in it, if it is a mapping.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Node, &Node)> {
        let entries =
            if let NodeContent::Mapping(entries) = &self.content { entries.as_slice() } else { &[] };
        entries.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// What is in it, if it is a list.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Node> {
        let items = if let NodeContent::Sequence(items) = &self.content { items.as_slice() } else { &[] };
        items.iter().map(AsRef::as_ref)
    }

    /// The text, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        if let NodeContent::Scalar(value) = &self.content { value.as_str() } else { None }
    }

    /// True for the truth value.
    pub(crate) fn is_true(&self) -> bool {
        matches!(&self.content, NodeContent::Scalar(Value::Bool(true)))
    }

    /// The same without the positions, every alias written out.
    pub(crate) fn value(&self) -> Value {
        match &self.content {
            NodeContent::Scalar(value) => value.clone(),
            NodeContent::Sequence(_) => Value::Sequence(self.items().map(Self::value).collect()),
            NodeContent::Mapping(_) => {
                Value::Mapping(self.entries().map(|(key, value)| (key.value(), value.value())).collect())
            }
        }
    }
}

/// Makes a tree of the parser's events.
#[derive(Default)]
struct Loader {
    /// What has begun and not ended, the innermost last.
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    diagnostics: Vec<Diagnostic>,
}

struct Open {
    position: Position,
    anchor: usize,
    collected: Collected,
}

enum Collected {
    Items(Vec<Rc<Node>>),
    Entries { entries: Vec<(Rc<Node>, Rc<Node>)>, key: Option<Rc<Node>>, names: HashSet<String> },
}

impl Loader {
    fn take(&mut self, event: Event, position: Position) -> Result<(), Diagnostic> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), position);
                let value = if style == ScalarStyle::Plain { plain(&text) } else { text.as_ref().into() };
                self.add(Node::new(position, NodeContent::Scalar(value)), anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| self.diagnostic(position, "an alias of what it stands in"))?;
                self.place(node)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), position);
                self.open(position, anchor, Collected::Items(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), position);
                let (entries, names) = (Vec::new(), HashSet::new());
                self.open(position, anchor, Collected::Entries { entries, key: None, names })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => Ok(()),
        }
    }

    fn open(&mut self, position: Position, anchor: usize, collected: Collected) -> Result<(), Diagnostic> {
        self.open.push(Open { position, anchor, collected });
        if self.open.len() > DEEPEST { Err(self.too_deep(position)) } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), Diagnostic> {
        let Some(Open { position, anchor, collected }) = self.open.pop() else { return Ok(()) };
        let content = match collected {
            Collected::Items(items) => NodeContent::Sequence(items),
            Collected::Entries { entries, .. } => NodeContent::Mapping(entries),
        };
        self.add(Node::new(position, content), anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        let node = Rc::new(node);
        // 0 stands for no anchor.
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.place(node)
    }

    /// Puts `node` into what is open.
    fn place(&mut self, node: Rc<Node>) -> Result<(), Diagnostic> {
        if node.size > MOST_VALUES {
            return Err(
                self.diagnostic(node.position, format!("it stands for more than {MOST_VALUES} values"))
            );
        }
        if self.open.len() + node.depth > DEEPEST {
            return Err(self.too_deep(node.position));
        }
        let field = self.field();
        match self.open.last_mut().map(|open| &mut open.collected) {
            None => self.root = Some(node),
            Some(Collected::Items(items)) => items.push(node),
            Some(Collected::Entries { entries, key, names }) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                } else {
                    let name = node.text().unwrap_or_default();
                    if !name.is_empty() && !names.insert(name.to_owned()) {
                        self.diagnostics.push(Diagnostic::new(
                            node.position,
                            &field.key(name),
                            "is given twice",
                        ));
                    }
                    *key = Some(node);
                }
            }
        }
        Ok(())
    }

    /// The field that is being read.
    fn field(&self) -> Field {
        // The last one has no place yet.
        let outer = &self.open[..self.open.len().saturating_sub(1)];
        outer.iter().fold(Field::default(), |field, open| match &open.collected {
            Collected::Items(items) => field.item(items.len()),
            Collected::Entries { key: Some(key), .. } => field.key(key.text().unwrap_or("?")),
            Collected::Entries { key: None, .. } => field,
        })
    }

    fn refuse_tag(&mut self, is_there: bool, position: Position) {
        if is_there {
            self.diagnostics.push(self.diagnostic(position, "tags mean nothing here"));
        }
    }

    fn too_deep(&self, position: Position) -> Diagnostic {
        self.diagnostic(position, format!("it is nested more than {DEEPEST} deep"))
    }

    fn diagnostic(&self, position: Position, what: impl Into<String>) -> Diagnostic {
        Diagnostic::new(position, &self.field(), what)
    }
}

/// What a scalar without quotes is, in YAML's core schema (<https://yaml.org/spec/1.2.2/#103-core-schema>); a
/// service file needs no other numbers than these.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => {
            let integer = text.parse::<i64>().map(Value::from);
            integer.or_else(|_| text.parse::<f64>().map(Value::from)).unwrap_or_else(|_| text.into())
        }
    }
}

fn position(span: Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

fn not_yaml(error: &ScanError) -> Diagnostic {
    let position = Position { line: error.marker().line(), column: error.marker().col() + 1 };
    Diagnostic::new(position, &Field::default(), format!("not YAML: {}", error.info()))
}

const START: Position = Position { line: 1, column: 1 };
/// The largest built-in file has some hundreds.
const MOST_VALUES: usize = 100_000;
const DEEPEST: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn diagnostic(text: &str) -> Diagnostic {
        match YamlDocument::parse(text) {
            Err(diagnostic) => diagnostic,
            Ok(mut document) => document.diagnostics.remove(0),
        }
    }

    #[test]
    fn values_are_those_of_the_other_parser() {
        for text in [
            "a: 1",
            "{a: [true, ~, 'true', \"1\", 1.5, x], b: }",
            "- &a {x: y}\n- *a",
            "a: |-\n  one\n  two\nb: >\n  one\n  two\n",
            "",
        ] {
            let expected: Value = serde_yaml::from_str(text).unwrap();
            assert_eq!(YamlDocument::parse(text).unwrap().root.value(), expected, "{text}");
        }
    }

    #[test]
    fn positions_are_those_of_an_editor() {
        let document = YamlDocument::parse("# é\na:\n  - b: ü\n    c: [1, 2]\n").unwrap();
        let item = document.root.get("a").unwrap().items().next().unwrap();
        assert_eq!(item.position, Position { line: 3, column: 5 });
        let two = item.get("c").unwrap().items().nth(1).unwrap();
        assert_eq!(two.position, Position { line: 4, column: 12 });
    }

    #[test]
    fn what_yaml_does_not_forbid_is_told() {
        for (text, line, field, what) in [
            ("a: 1\nb: 2\na: 3\n", 3, "a", "is given twice"),
            ("a:\n  - {x: 1}\n  - {b: 1,\n     b: 2}\n", 4, "a[1].b", "is given twice"),
            ("a: 1\n---\nb: 1\n", 2, "", "a file holds one document; this is another one"),
            ("a: !x 1\n", 1, "", "tags mean nothing here"),
            ("a:\n  &a [*a]\n", 2, "a", "an alias of what it stands in"),
            ("a: [\n", 2, "", "not YAML: [..]"),
        ] {
            let found = diagnostic(text);
            assert_eq!(found.position.unwrap().line, line, "{text}{found:?}");
            assert_eq!(found.field.as_str(), field, "{text}{found:?}");
            assert!(found.what == what || found.what.starts_with("not YAML: "), "{text}{found:?}");
        }
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let nested = |count: usize, item: &str| {
            let line =
                |n| format!("a{}: &a{} [{}]\n", n + 1, n + 1, vec![format!("*a{n}"); count].join(", "));
            format!("a0: &a0 {item}\n") + &(0..40).map(line).collect::<String>()
        };
        let many = diagnostic(&nested(9, "[x, x, x, x, x, x, x, x, x]"));
        assert_eq!(many.what, "it stands for more than 100000 values");
        assert_eq!(diagnostic(&nested(1, "x")).what, "it is nested more than 32 deep");

        assert!(YamlDocument::parse(&"[".repeat(1 << 20)).is_err());
        let wide = format!("a: &a [{}]\nb: [{}]", "1,".repeat(50_000), "*a,".repeat(50_000));
        assert_eq!(diagnostic(&wide).what, "it stands for more than 100000 values");
    }

    proptest! {
        #[test]
        fn nothing_makes_the_reader_panic(text in "([ \\n:,\\-?#&*!|>'\"%@`{}\\[\\]ab1~]|.){0,60}") {
            let _ = YamlDocument::parse(&text).map(|document| document.root.value());
        }
    }
}
