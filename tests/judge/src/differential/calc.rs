//! Calculations compared with their result: only a right answer that is close to the wrong ones
//! shows a wrong one.

use cedar_policy::{Context, Entities, EvalResult, Expression, Request, eval_expression};

use super::data::Val;
use super::expr::Expr;
use super::generate::Generator;
use super::schema::Ty;

/// An expression, and the text of one with the same value for the witness that needs no request.
struct Known {
    expr: Expr,
    text: String,
}

const EPOCH: &str = "datetime(\"1970-01-01\")";

/// A calculation compared with its result for the witness, or with the result's neighbour.
pub(crate) fn comparison(generator: &mut Generator<'_>, depth: usize) -> Option<Expr> {
    let ty = generator.dice.weighted(&[(5, 0), (3, 1), (3, 2)]);
    let ty = [Ty::Long, Ty::Ext("datetime"), Ty::Ext("duration")][ty].clone();
    let known = calculation(generator, &ty, depth.min(2))?;
    let text = match &ty {
        Ty::Long => known.text,
        Ty::Ext("datetime") => format!("{}.durationSince({EPOCH}).toMilliseconds()", known.text),
        _ => format!("{}.toMilliseconds()", known.text),
    };
    // A calculation that fails has no result, but who errs with what is worth a comparison too.
    let result = evaluate(&text).unwrap_or(0);
    let step = generator.dice.weighted(&[(6, 0), (2, 1), (2, -1)]);
    let result = result.saturating_add(step);
    let right = match &ty {
        Ty::Long => Val::Long(result),
        Ty::Ext("datetime") => {
            let offset = Val::ext("duration", &format!("{result}ms"));
            Val::Call("offset", vec![Val::ext("datetime", "1970-01-01"), offset])
        }
        _ => Val::ext("duration", &format!("{result}ms")),
    };
    let right = generator.spell(right);
    let operator = generator
        .dice
        .of(&["==", "==", "==", "!=", "<", "<=", ">", ">="]);
    Some(Expr::binary(operator, known.expr, right))
}

/// The crate's own result. A context has no operators, so it takes no request to find it.
fn evaluate(text: &str) -> Option<i64> {
    let expression: Expression = text.parse().ok()?;
    let anyone = "A::\"\"".parse().ok()?;
    let request = Request::new(
        "A::\"\"".parse().ok()?,
        anyone,
        "A::\"\"".parse().ok()?,
        Context::empty(),
        None,
    );
    match eval_expression(&request.ok()?, &Entities::empty(), &expression) {
        Ok(EvalResult::Long(value)) => Some(value),
        _ => None,
    }
}

fn calculation(generator: &mut Generator<'_>, ty: &Ty, depth: usize) -> Option<Known> {
    let (date, duration) = (Ty::Ext("datetime"), Ty::Ext("duration"));
    match ty {
        Ty::Long => match generator.dice.below(9) {
            0 => {
                let of = operand(generator, &Ty::Long, depth)?;
                Some(Known {
                    expr: Expr::unary("neg", of.expr),
                    text: format!("(-({}))", of.text),
                })
            }
            1..6 => {
                let operator = generator.dice.of(&["+", "-", "*"]);
                let left = operand(generator, &Ty::Long, depth)?;
                let right = operand(generator, &Ty::Long, depth)?;
                Some(Known {
                    expr: Expr::binary(operator, left.expr, right.expr),
                    text: format!("({} {operator} {})", left.text, right.text),
                })
            }
            _ => {
                const PARTS: [&str; 5] = [
                    "toMilliseconds",
                    "toSeconds",
                    "toMinutes",
                    "toHours",
                    "toDays",
                ];
                let method = generator.dice.of(&PARTS);
                let of = operand(generator, &duration, depth)?;
                Some(method_of(method, vec![of]))
            }
        },
        Ty::Ext("datetime") => {
            let of = operand(generator, &date, depth)?;
            if generator.dice.chance(50) {
                return Some(method_of("toDate", vec![of]));
            }
            let by = operand(generator, &duration, depth)?;
            Some(method_of("offset", vec![of, by]))
        }
        _ => {
            let of = operand(generator, &date, depth)?;
            if generator.dice.chance(50) {
                return Some(method_of("toTime", vec![of]));
            }
            let since = operand(generator, &date, depth)?;
            Some(method_of("durationSince", vec![of, since]))
        }
    }
}

fn method_of(method: &'static str, args: Vec<Known>) -> Known {
    let texts: Vec<&str> = args.iter().map(|arg| arg.text.as_str()).collect();
    let (of, more) = texts.split_first().unwrap_or((&"", &[]));
    let text = format!("{of}.{method}({})", more.join(", "));
    Known {
        expr: Expr::Call(method, args.into_iter().map(|arg| arg.expr).collect()),
        text,
    }
}

fn operand(generator: &mut Generator<'_>, ty: &Ty, depth: usize) -> Option<Known> {
    if depth > 0 && generator.dice.chance(35) {
        return calculation(generator, ty, depth - 1);
    }
    let path = generator
        .path(|path| path == ty)
        .filter(|path| path.value.is_some());
    if let Some(path) = path
        && generator.dice.chance(60)
    {
        let text = literal_text(path.value.as_ref()?)?;
        let expr = generator.read(path);
        return Some(Known { expr, text });
    }
    let value = generator.witness.world.scalar(generator.dice, ty);
    let text = literal_text(&value)?;
    let expr = generator.spell(value);
    Some(Known { expr, text })
}

fn literal_text(value: &Val) -> Option<String> {
    match value {
        Val::Long(value) => Some(format!("({value})")),
        Val::Ext(function, text, _) => Some(format!("{function}(\"{text}\")")),
        Val::Call("offset", args) => {
            let [of, by] = args.as_slice() else {
                return None;
            };
            Some(format!(
                "{}.offset({})",
                literal_text(of)?,
                literal_text(by)?
            ))
        }
        _ => None,
    }
}
