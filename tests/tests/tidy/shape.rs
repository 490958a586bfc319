//! What the rules need of a parsed file, without the parse: functions, and setters with their docs.

use proc_macro2::Span;
use syn::visit::{self, Visit};

/// The functions of a file, those of `mod tests` left out.
#[derive(Default)]
pub(crate) struct Shape {
    pub(crate) functions: Vec<Function>,
    pub(crate) setters: Vec<Setter>,
}

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// A public method that takes and returns its builder by value.
pub(crate) struct Setter {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) doc: String,
}

impl Shape {
    pub(crate) fn of(file: &syn::File) -> Self {
        let mut shape = Self::default();
        shape.visit_file(file);
        shape
    }

    fn add(&mut self, name: &syn::Ident, from: Span, block: &syn::Block) {
        let line = from.start().line;
        let lines = block.brace_token.span.close().end().line + 1 - line;
        self.functions.push(Function { name: name.to_string(), line, lines });
    }
}

impl<'ast> Visit<'ast> for Shape {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig.ident, item.sig.fn_token.span, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = match &*item.self_ty {
            syn::Type::Path(name) => name.path.segments.last().map(|s| s.ident.to_string()),
            _ => None,
        };
        let name = name.unwrap_or_default();
        if item.trait_.is_none() && (name.ends_with("Builder") || name.ends_with("Config")) {
            self.setters.extend(item.items.iter().filter_map(setter));
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig.ident, item.sig.fn_token.span, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig.ident, item.sig.fn_token.span, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn setter(item: &syn::ImplItem) -> Option<Setter> {
    let syn::ImplItem::Fn(function) = item else { return None };
    let by_value = function.sig.receiver().is_some_and(|r| r.reference.is_none());
    let returns_self = matches!(&function.sig.output, syn::ReturnType::Type(_, ty)
        if matches!(&**ty, syn::Type::Path(path) if path.path.is_ident("Self")));
    let public = matches!(function.vis, syn::Visibility::Public(_));
    (public && by_value && returns_self).then(|| Setter {
        name: function.sig.ident.to_string(),
        line: function.sig.fn_token.span.start().line,
        doc: doc_of(&function.attrs),
    })
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
