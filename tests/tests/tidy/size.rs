//! Rules about the shape of a file: lengths, and the documentation of settings.

use proc_macro2::Span;
use syn::visit::{self, Visit};

use super::code::alert;
use super::source::is_test;
use super::{Complaint, Source};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// A file has one subject, a function fits on a screen. Functions of tests may be longer tables.
pub(crate) fn lengths(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let what = format!("{lines} lines, at most {FILE_LINES_MAX}: split by subject");
        complaints.push(alert(source, lines, &what));
    }
    if !is_test(&source.path) {
        Functions { source, complaints: &mut complaints }.visit_file(&source.file);
    }
    complaints
}

struct Functions<'a> {
    source: &'a Source,
    complaints: &'a mut Vec<Complaint>,
}

impl Functions<'_> {
    fn judge(&mut self, name: &syn::Ident, from: Span, block: &syn::Block) {
        let first = from.start().line;
        let lines = block.brace_token.span.close().end().line + 1 - first;
        if lines > FUNCTION_LINES_MAX {
            let what = format!("fn {name}: {lines} lines, at most {FUNCTION_LINES_MAX}");
            self.complaints.push(alert(self.source, first, &what));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.judge(&item.sig.ident, item.sig.fn_token.span, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.judge(&item.sig.ident, item.sig.fn_token.span, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.judge(&item.sig.ident, item.sig.fn_token.span, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

/// A public setter of a client's builder says what happens without it and what Kafka calls it.
pub(crate) fn settings(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if !source.path.starts_with("client/src/") {
        return complaints;
    }
    for item in &source.file.items {
        let syn::Item::Impl(block) = item else { continue };
        let syn::Type::Path(name) = &*block.self_ty else { continue };
        let builder = name.path.segments.last().is_some_and(|s| {
            let name = s.ident.to_string();
            name.ends_with("Builder") || name.ends_with("Config")
        });
        if block.trait_.is_some() || !builder {
            continue;
        }
        for item in &block.items {
            let syn::ImplItem::Fn(setter) = item else { continue };
            if is_setter(setter) {
                complaints.extend(judge_setter(source, setter));
            }
        }
    }
    complaints
}

fn is_setter(function: &syn::ImplItemFn) -> bool {
    let by_value = function.sig.receiver().is_some_and(|r| r.reference.is_none());
    let returns_self = matches!(&function.sig.output, syn::ReturnType::Type(_, ty)
        if matches!(&**ty, syn::Type::Path(path) if path.path.is_ident("Self")));
    matches!(function.vis, syn::Visibility::Public(_)) && by_value && returns_self
}

fn judge_setter(source: &Source, setter: &syn::ImplItemFn) -> Vec<Complaint> {
    let doc = doc_of(&setter.attrs);
    let line = setter.sig.fn_token.span.start().line;
    let missing = [("efault", "its default"), ("Kafka", "Kafka's name, or that Kafka has none")];
    let missing = missing.iter().filter(|(word, _)| !doc.contains(word));
    let say = |what: &str| alert(source, line, &format!("fn {}: say {what}", setter.sig.ident));
    missing.map(|(_, what)| say(what)).collect()
}

fn doc_of(attrs: &[syn::Attribute]) -> String {
    let docs = attrs.iter().filter_map(|attr| match &attr.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => Some(&pair.value),
        _ => None,
    });
    let texts = docs.filter_map(|value| match value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_named() {
        let text = "// x\n".repeat(FILE_LINES_MAX + 1);
        assert_eq!(lengths(&Source::parse("client/src/a.rs", &text)).len(), 1);
        assert_eq!(lengths(&Source::parse("tests/tests/a.rs", &text)).len(), 1);
        assert!(lengths(&Source::parse("client/src/a.rs", &text[5..])).is_empty());
    }

    #[test]
    fn a_long_function_is_named() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "a();\n".repeat(lines - 2));
        let method = |lines| format!("impl A {{\n{}}}\n", function(lines));
        for shape in [&function as &dyn Fn(usize) -> String, &method] {
            let judge = |lines| lengths(&Source::parse("client/src/a.rs", &shape(lines))).len();
            assert_eq!((judge(FUNCTION_LINES_MAX + 1), judge(FUNCTION_LINES_MAX)), (1, 0));
        }
    }

    #[test]
    fn a_setting_without_default_or_kafka_name_is_named() {
        let judge = |doc: &str| {
            let text = format!("impl XBuilder {{ {doc} pub fn a(mut self) -> Self {{ self }} }}");
            settings(&Source::parse("client/src/a.rs", &text)).len()
        };
        assert_eq!(judge(""), 2);
        assert_eq!(judge("/** Default 1. */"), 1);
        assert_eq!(judge("/** How long. Default 1 ms (Kafka: `linger.ms`, 5). */"), 0);
    }
}
