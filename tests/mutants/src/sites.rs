//! Where code can be changed, and into what. A mutant is one such change.

use std::collections::BTreeSet;
use std::ops::Range;

use quote::ToTokens;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Lit, ReturnType, Stmt, UnOp};

/// A piece of code with what may stand in its place.
#[derive(Debug)]
pub(super) struct Site {
    /// In bytes of the file.
    pub range: Range<usize>,
    pub form: Form,
    /// The function around it.
    pub function: String,
    pub line: usize,
    /// Each a piece of code of its own.
    pub changes: Vec<String>,
    /// From `tests/faults.toml`.
    pub by_hand: bool,
}

/// How a change is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An expression: `(if on { change } else { original })`.
    Expression,
    /// A statement: left out when on.
    Statement,
    /// The body of a function, an empty range: gives the change at once when on.
    Body,
    /// The arrow of a match arm, an empty range: the arm is passed by when on.
    Arm,
}

/// Methods that are easily confused.
const PAIRS: [(&str, &str); 11] = [
    ("any", "all"),
    ("checked_add", "checked_sub"),
    ("saturating_add", "saturating_sub"),
    ("is_some", "is_none"),
    ("is_ok", "is_err"),
    ("is_some_and", "is_none_or"),
    ("is_ge", "is_lt"),
    ("is_le", "is_gt"),
    ("is_eq", "is_ne"),
    ("min", "max"),
    ("wrapping_add", "wrapping_sub"),
];

/// All sites of a file, but for those in the functions that stay constant.
pub(super) fn sites(source: &str, constant: &BTreeSet<String>) -> Result<Vec<Site>, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut finder = Finder {
        source,
        constant,
        function: String::new(),
        sites: Vec::new(),
    };
    finder.visit_file(&file);
    Ok(finder.sites)
}

struct Finder<'s> {
    source: &'s str,
    constant: &'s BTreeSet<String>,
    function: String,
    sites: Vec<Site>,
}

impl Finder<'_> {
    fn text(&self, node: &impl ToTokens) -> &str {
        self.source
            .get(node.span().byte_range())
            .unwrap_or_default()
    }

    fn add(&mut self, form: Form, range: Range<usize>, changes: Vec<String>) {
        if changes.is_empty() {
            return;
        }
        let before = self.source.get(..range.start).unwrap_or_default();
        self.sites.push(Site {
            line: before.matches('\n').count() + 1,
            range,
            form,
            function: self.function.clone(),
            changes,
            by_hand: false,
        });
    }

    fn replace(&mut self, expr: &impl ToTokens, changes: Vec<String>) {
        let range = expr.span().byte_range();
        self.add(Form::Expression, range, changes);
    }

    fn within(&mut self, function: &syn::Ident, body: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.function, function.to_string());
        body(self);
        self.function = outer;
    }

    /// Results that a function can give without doing anything.
    fn body(&mut self, output: &ReturnType, block: &syn::Block) {
        let kind = match output {
            ReturnType::Default => "()".to_owned(),
            ReturnType::Type(_, kind) => self.text(kind.as_ref()).replace(char::is_whitespace, ""),
        };
        let results = results(&kind);
        let at = block.span().byte_range().start + 1;
        self.add(Form::Body, at..at, results);
    }

    fn stays_constant(&self, signature: &syn::Signature) -> bool {
        signature.constness.is_some() && self.constant.contains(&signature.ident.to_string())
    }

    fn condition(&mut self, condition: &Expr) {
        if !has_let(condition) && !matches!(condition, Expr::Lit(_)) {
            self.replace(condition, vec!["true".to_owned(), "false".to_owned()]);
        }
    }
}

fn results(kind: &str) -> Vec<String> {
    let inner = |name: &str| {
        let rest = kind.strip_prefix(name)?.strip_prefix('<')?;
        rest.strip_suffix('>')
    };
    let several = |results: &[&str]| results.iter().map(|text| (*text).to_owned()).collect();
    if let Some(inner) = inner("Outcome").or_else(|| inner("Result")) {
        // The kind of the error is behind a comma outside all brackets, and of no interest.
        let mut depth = 0;
        let end = inner.find(|c| {
            depth += i32::from("<([".contains(c)) - i32::from(">)]".contains(c));
            depth == 0 && c == ','
        });
        let value = &inner[..end.unwrap_or(inner.len())];
        return results(value)
            .iter()
            .map(|result| format!("Ok({result})"))
            .collect();
    }
    if let Some(inner) = inner("Option") {
        let some = results(inner);
        let some = some.iter().map(|result| format!("Some({result})"));
        return some.chain(["None".to_owned()]).collect();
    }
    if inner("Vec").is_some() {
        return several(&["Vec::new()"]);
    }
    match kind {
        "()" => several(&["()"]),
        "bool" => several(&["true", "false"]),
        "usize" | "u32" | "i64" | "u8" => several(&["0", "1"]),
        "Ordering" => several(&["Ordering::Equal", "Ordering::Less"]),
        "String" => several(&["String::new()"]),
        _ => Vec::new(),
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

const fn others(op: &BinOp) -> &'static [&'static str] {
    match op {
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::Lt(_) => &["<=", ">"],
        BinOp::Le(_) => &["<", ">"],
        BinOp::Gt(_) => &[">=", "<"],
        BinOp::Ge(_) => &[">", "<"],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Add(_) => &["-"],
        BinOp::Sub(_) => &["+"],
        BinOp::Mul(_) | BinOp::Rem(_) => &["/"],
        BinOp::Div(_) => &["*"],
        BinOp::BitAnd(_) => &["|"],
        BinOp::BitOr(_) => &["&"],
        BinOp::BitXor(_) => &["&"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !module
            .attrs
            .iter()
            .any(|attribute| attribute.path().is_ident("cfg"))
        {
            visit::visit_item_mod(self, module);
        }
    }

    // Constants, patterns, types and lengths are not evaluated where they stand.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if self.stays_constant(&function.sig) {
            return;
        }
        self.within(&function.sig.ident, |finder| {
            finder.body(&function.sig.output, &function.block);
            visit::visit_item_fn(finder, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if self.stays_constant(&function.sig) {
            return;
        }
        self.within(&function.sig.ident, |finder| {
            finder.body(&function.sig.output, &function.block);
            visit::visit_impl_item_fn(finder, function);
        });
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(expr, Some(_)) = statement {
            let inner = match expr {
                Expr::Try(inner) => &inner.expr,
                other => other,
            };
            let assigns = matches!(inner, Expr::Binary(binary) if binary.op.to_token_stream().to_string().ends_with('=')
                && !matches!(binary.op, BinOp::Le(_) | BinOp::Ge(_) | BinOp::Eq(_) | BinOp::Ne(_)));
            if assigns || matches!(inner, Expr::MethodCall(_) | Expr::Call(_) | Expr::Assign(_)) {
                let range = statement.span().byte_range();
                self.add(Form::Statement, range, vec![String::new()]);
            }
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            self.condition(guard);
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        // `None` is read as a name, too.
        let catches = |arm: &syn::Arm| {
            let any = match &arm.pat {
                syn::Pat::Wild(_) => true,
                syn::Pat::Ident(name) => !name.ident.to_string().starts_with(char::is_uppercase),
                _ => false,
            };
            any && arm.guard.is_none()
        };
        if let Some((last, arms)) = expr.arms.split_last()
            && catches(last)
        {
            for arm in arms.iter().filter(|arm| arm.guard.is_none()) {
                let at = arm.pat.span().byte_range().end;
                self.add(Form::Arm, at..at, vec![String::new()]);
            }
        }
        visit::visit_expr_match(self, expr);
    }

    fn visit_expr_if(&mut self, expr: &'ast syn::ExprIf) {
        self.condition(&expr.cond);
        visit::visit_expr_if(self, expr);
    }

    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        if !has_let(&expr.left) && !has_let(&expr.right) {
            let (left, right) = (self.text(&expr.left), self.text(&expr.right));
            let changed = others(&expr.op)
                .iter()
                .map(|op| format!("({left}) {op} ({right})"));
            let changes = changed.collect();
            self.replace(expr, changes);
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast syn::ExprUnary) {
        if matches!(expr.op, UnOp::Not(_)) {
            let changes = vec![self.text(&expr.expr).to_owned()];
            self.replace(expr, changes);
        }
        visit::visit_expr_unary(self, expr);
    }

    fn visit_expr_lit(&mut self, expr: &'ast syn::ExprLit) {
        match &expr.lit {
            Lit::Bool(value) => self.replace(expr, vec![(!value.value).to_string()]),
            Lit::Int(value) if value.suffix().is_empty() || value.suffix() == "usize" => {
                if let Ok(number) = value.base10_parse::<u64>() {
                    let suffix = value.suffix();
                    let near = [Some(number + 1), number.checked_sub(1)];
                    let near = near.into_iter().flatten();
                    let changes = near.map(|number| format!("{number}{suffix}")).collect();
                    self.replace(expr, changes);
                }
            }
            _ => {}
        }
    }

    fn visit_expr_path(&mut self, expr: &'ast syn::ExprPath) {
        let text = self.text(expr);
        if let Some(kind) = text.strip_prefix("ErrorKind::") {
            let other = match kind {
                "TypeError" => "IntegerOverflow",
                _ => "TypeError",
            };
            let changes = vec![format!("ErrorKind::{other}")];
            self.replace(expr, changes);
        }
    }

    fn visit_expr_method_call(&mut self, expr: &'ast syn::ExprMethodCall) {
        let name = expr.method.to_string();
        let other = PAIRS.iter().find_map(|(one, two)| match &name {
            name if name == one => Some(*two),
            name if name == two => Some(*one),
            _ => None,
        });
        if let Some(other) = other {
            let whole = expr.span().byte_range();
            let method = expr.method.span().byte_range();
            let text = self.text(expr);
            let (start, end) = (method.start - whole.start, method.end - whole.start);
            let changes = vec![format!("{}{other}{}", &text[..start], &text[end..])];
            self.replace(expr, changes);
        }
        visit::visit_expr_method_call(self, expr);
    }
}
