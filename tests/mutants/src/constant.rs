//! Functions that stay constant: a constant calls them, so they cannot ask for a switch.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::visit::{self, Visit};

/// The names of the constant functions that constants of the workspace name, and of those that these
/// name in turn. Where nothing is planted, every constant function stays as it is.
pub(super) fn functions(
    root: &Path,
    files: &[PathBuf],
    is_planted: impl Fn(&Path) -> bool,
) -> Result<BTreeSet<String>, String> {
    let mut reader = Reader::default();
    for file in files {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(root.join(file)).map_err(|error| error.to_string())?;
        let parsed = syn::parse_file(&text);
        reader.all_stay = !is_planted(file);
        reader.visit_file(&parsed.map_err(|error| format!("{}: {error}", file.display()))?);
    }
    let Reader {
        mut named,
        functions,
        ..
    } = reader;
    loop {
        let before = named.len();
        for (name, body) in &functions {
            if named.contains(name) {
                named.extend(body.iter().cloned());
            }
        }
        if named.len() == before {
            break;
        }
    }
    let names = functions.into_iter().map(|(name, _)| name);
    Ok(names.filter(|name| named.contains(name)).collect())
}

#[derive(Default)]
struct Reader {
    /// Whatever is named where something is computed when compiled.
    named: BTreeSet<String>,
    /// Constant functions, with what they name.
    functions: Vec<(String, BTreeSet<String>)>,
    /// Whether those of this file stay constant, whoever names them.
    all_stay: bool,
}

impl Reader {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        if signature.constness.is_some() {
            let mut named = BTreeSet::new();
            names(body.to_token_stream(), &mut named);
            if self.all_stay {
                self.named.extend(named.iter().cloned());
            }
            self.functions.push((signature.ident.to_string(), named));
        }
    }
}

fn names(tokens: TokenStream, named: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                named.insert(name.to_string());
            }
            TokenTree::Group(group) => names(group.stream(), named),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        names(item.expr.to_token_stream(), &mut self.named);
    }
    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        names(item.expr.to_token_stream(), &mut self.named);
    }
    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        names(item.to_token_stream(), &mut self.named);
    }
    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        names(item.expr.to_token_stream(), &mut self.named);
    }
    fn visit_type_array(&mut self, array: &'ast syn::TypeArray) {
        names(array.len.to_token_stream(), &mut self.named);
    }
    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        names(repeat.len.to_token_stream(), &mut self.named);
        visit::visit_expr_repeat(self, repeat);
    }
    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        names(block.to_token_stream(), &mut self.named);
    }
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }
    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }
}
