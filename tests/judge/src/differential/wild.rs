//! Operands that do not fit, and expressions that err in every way there is: in the right places
//! they show which of two errors an evaluator meets first.

use super::data::Val;
use super::expr::Expr;
use super::generate::Generator;
use super::values;
use crate::subject::Uid;

/// Something of any type, or an error.
pub(crate) fn operand(generator: &mut Generator<'_>, depth: usize) -> Expr {
    if generator.dice.chance(45) {
        return error(generator);
    }
    match generator.dice.below(6) {
        0 => Expr::Set(vec![]),
        1 => Expr::Record(vec![]),
        2 => {
            let value = generator.witness.world.odd_value(generator.dice);
            generator.spell(value)
        }
        3 => match generator.path(|_| true) {
            Some(path) => path.expr,
            None => Expr::Set(vec![]),
        },
        4 => Expr::Var(
            generator
                .dice
                .of(&["principal", "action", "resource", "context"]),
        ),
        _ => {
            let ty = generator.witness.world.any_type(generator.dice);
            generator.of(&ty, depth.saturating_sub(1))
        }
    }
}

/// Puts what does not fit into some places of an expression, whatever they are: an operand of `&&`,
/// a condition of `if`, what `like` or `is` look at, an argument too many.
pub(crate) fn spoil(generator: &mut Generator<'_>, expr: &mut Expr) {
    if let Expr::Call(_, args) = expr
        && generator.dice.chance(generator.wildness)
    {
        match args.last().cloned() {
            Some(last) if generator.dice.chance(50) => args.push(last),
            _ => {
                args.pop();
            }
        }
    }
    for operand in expr.operands_mut() {
        if generator.dice.chance(generator.wildness / 2) {
            *operand = self::operand(generator, 1);
        } else {
            spoil(generator, operand);
        }
    }
}

/// An expression that errs, whatever the request.
fn error(generator: &mut Generator<'_>) -> Expr {
    let long = |value| Expr::Lit(Val::Long(value));
    let text = |text: &str| Expr::Lit(Val::Str(text.to_owned()));
    match generator.dice.below(9) {
        0 => Expr::binary("+", long(i64::MAX), long(1)),
        1 => Expr::unary("neg", long(i64::MIN)),
        2 => Expr::binary(
            generator.dice.of(&["+", "-", "*", "<", "<=", ">"]),
            long(1),
            text("a"),
        ),
        3 => Expr::Record(vec![("a".to_owned(), long(1))]).get("b"),
        4 => nobody().get("a"),
        5 => Expr::binary("getTag", nobody(), text("a")),
        6 => {
            let constructor = generator
                .dice
                .of(&["decimal", "ip", "datetime", "duration"]);
            Expr::Call(constructor, vec![text(values::no_value(generator.dice))])
        }
        7 => wrong_arity(generator),
        _ => {
            let variable = generator
                .dice
                .of(&["principal", "resource", "context", "action"]);
            Expr::Var(variable).get("missing")
        }
    }
}

fn wrong_arity(generator: &mut Generator<'_>) -> Expr {
    const FUNCTIONS: [&str; 20] = [
        "decimal",
        "lessThan",
        "greaterThanOrEqual",
        "ip",
        "isIpv4",
        "isIpv6",
        "isLoopback",
        "isMulticast",
        "isInRange",
        "datetime",
        "duration",
        "offset",
        "durationSince",
        "toDate",
        "toTime",
        "toMilliseconds",
        "toSeconds",
        "toMinutes",
        "toHours",
        "toDays",
    ];
    let function = generator.dice.of(&FUNCTIONS);
    let count = generator.dice.below(4);
    let args = (0..count).map(|_| {
        let value = generator.witness.world.odd_value(generator.dice);
        generator.spell(value)
    });
    Expr::Call(function, args.collect())
}

fn nobody() -> Expr {
    Expr::Lit(Val::entity(Uid {
        ty: "Nobody".to_owned(),
        id: "x".to_owned(),
    }))
}
