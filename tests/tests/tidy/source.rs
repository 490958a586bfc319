//! The workspace as the rules see it: every text, and every Rust file as tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::shape::Shape;

/// Every file of ours.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) sources: Vec<Source>,
    /// Path below the root, with `/`, and content; Rust files too.
    pub(crate) texts: Vec<(String, String)>,
}

const ENDINGS: [&str; 8] = ["rs", "md", "toml", "sh", "py", "js", "json", "txt"];

impl Workspace {
    /// What is on the disk, read once.
    pub(crate) fn here() -> &'static Self {
        static HERE: LazyLock<Workspace> = LazyLock::new(Workspace::read);
        &HERE
    }

    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut texts = Vec::new();
        walk(&root, &root, &mut texts);
        texts.sort();
        let rust = texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        let sources = rust.map(|(path, text)| Source::parse(path, text)).collect();
        Self { root, sources, texts }
    }

    /// The content of a file that has to be there.
    pub(crate) fn text(&self, path: &str) -> &str {
        let found = self.texts.iter().find(|(p, _)| p == path);
        &found.unwrap_or_else(|| panic!("{path} is missing")).1
    }
}

fn walk(root: &Path, dir: &Path, texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).expect("the workspace can be read") {
        let path = entry.expect("the workspace can be read").path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "target" | ".git" | "node_modules" | "kafka-lib") {
                walk(root, &path, texts);
            }
            continue;
        }
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if ENDINGS.contains(&ending) || path.ends_with(".ci/run") {
            let below = path.strip_prefix(root).expect("walked from the root");
            let below = below.to_string_lossy().replace('\\', "/");
            texts.push((below, fs::read_to_string(&path).expect("text is UTF-8")));
        }
    }
}

/// One Rust file.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) shape: Shape,
    /// What ships: tokens outside `#[cfg(test)]` items; empty for files that are tests.
    pub(crate) tokens: Vec<Token>,
}

/// One token: an identifier, a lifetime, a literal, `::`, another punctuation character or a
/// bracket.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut tokens = Vec::new();
        if !is_test(path) {
            let stream = text.parse::<TokenStream>().expect("syn has just parsed it");
            flatten(shipped(stream.into_iter().collect()), &mut tokens);
        }
        Self { path: path.into(), text: text.into(), shape: Shape::of(&file), tokens }
    }

    /// Lines at which `pattern`, tokens separated by spaces, occurs in what ships.
    pub(crate) fn find(&self, pattern: &str) -> Vec<usize> {
        let pattern: Vec<_> = pattern.split(' ').collect();
        let matches = |w: &&[Token]| w.iter().zip(&pattern).all(|(token, p)| token.text == **p);
        self.tokens.windows(pattern.len()).filter(matches).map(|w| w[0].line).collect()
    }
}

/// Whether a file holds tests only: nothing in it ships.
pub(crate) fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
}

/// Leaves out every item that carries `#[cfg(test)]`.
fn shipped(trees: Vec<TokenTree>) -> TokenStream {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < trees.len() {
        if is_cfg_test(&trees[at..]) {
            at += 2;
            while at < trees.len() && !ends_item(&trees[at]) {
                at += 1;
            }
        } else if let TokenTree::Group(group) = &trees[at] {
            let inner = shipped(group.stream().into_iter().collect());
            let mut copy = proc_macro2::Group::new(group.delimiter(), inner);
            copy.set_span(group.span());
            kept.push(TokenTree::Group(copy));
        } else {
            kept.push(trees[at].clone());
        }
        at += 1;
    }
    kept.into_iter().collect()
}

fn is_cfg_test(trees: &[TokenTree]) -> bool {
    matches!(trees, [TokenTree::Punct(hash), TokenTree::Group(group), ..]
        if hash.as_char() == '#' && group.stream().to_string().replace(' ', "") == "cfg(test)")
}

fn ends_item(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    }
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    let (mut lifetime, mut colon) = (false, false);
    for tree in stream {
        let line = tree.span().start().line;
        let doubled = core::mem::take(&mut colon);
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                out.push(Token { text: open.into(), line });
                flatten(group.stream(), out);
                out.push(Token { text: close.into(), line: group.span_close().end().line });
            }
            TokenTree::Punct(punct) if punct.as_char() == '\'' => lifetime = true,
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                match out.last_mut().filter(|_| doubled) {
                    Some(first) => first.text = "::".into(),
                    None => out.push(Token { text: ":".into(), line }),
                }
                colon = !doubled && punct.spacing() == Spacing::Joint;
            }
            TokenTree::Ident(name) if lifetime => {
                lifetime = false;
                out.push(Token { text: format!("'{name}"), line });
            }
            other => out.push(Token { text: other.to_string(), line }),
        }
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

#[test]
fn code_under_cfg_test_does_not_ship() {
    let text = "fn a() { b() } #[cfg(test)] mod tests { fn c() { d() } } fn e(x: &'static str) {}";
    let source = Source::parse("client/src/x.rs", text);
    assert_eq!((source.find("b (").len(), source.find("d (").len()), (1, 0));
    assert_eq!((source.find("fn e").len(), source.find("static").len()), (1, 0));
    assert!(Source::parse("client/src/x/tests.rs", text).tokens.is_empty());
}
