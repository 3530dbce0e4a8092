//! Cedar's extension types: decimal, ipaddr, datetime and duration.
//!
//! Their values are plain integers and addresses; a value is equal to another if those are.

mod datetime;
mod decimal;
mod ip;

use alloc::string::String;

pub use ip::Ip;

use super::fault::ErrorKind;
use super::value::Value;

/// The type of an extension value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// `decimal`: four digits after the point.
    Decimal,
    /// `ipaddr`: an address or a range.
    Ip,
    /// `datetime`: milliseconds since 1970.
    Datetime,
    /// `duration`: milliseconds.
    Duration,
}

impl Extension {
    /// The name in a schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decimal => "decimal",
            Self::Ip => "ipaddr",
            Self::Datetime => "datetime",
            Self::Duration => "duration",
        }
    }

    /// The type with this name in a schema.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Decimal, Self::Ip, Self::Datetime, Self::Duration]
            .into_iter()
            .find(|extension| extension.name() == name)
    }

    /// The function that makes a value of a string.
    #[must_use]
    pub const fn constructor(self) -> Function {
        match self {
            Self::Decimal => Function::Decimal,
            Self::Ip => Function::Ip,
            Self::Datetime => Function::Datetime,
            Self::Duration => Function::Duration,
        }
    }
}

/// The one text that every spelling of this value has, for the type with this name in a schema; `None`
/// for a text that is no value of it.
#[must_use]
pub fn canonical_text(kind: &str, text: &str) -> Option<String> {
    let extension = Extension::from_name(kind)?;
    match extension.constructor().construct(text.as_bytes())? {
        Value::Decimal(decimal) => Some(decimal::text(decimal)),
        Value::Ip(ip) => Some(ip.text()),
        Value::Datetime(datetime) => datetime::text(datetime),
        Value::Duration(duration) => Some(datetime::duration_text(duration)),
        _ => None,
    }
}

macro_rules! functions {
    ($($name:ident $text:literal = $code:literal;)+) => {
        /// An extension function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Function {
            $(#[doc = concat!("`", $text, "`")] $name,)+
        }

        impl Function {
            /// The number in a program.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self { $(Self::$name => $code,)+ }
            }

            /// The function with this number.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$name),)+ _ => None }
            }

            /// Its name in policies and entity data.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The function with this name in policies and entity data.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

functions! {
    Decimal "decimal" = 0;
    LessThan "lessThan" = 1;
    LessThanOrEqual "lessThanOrEqual" = 2;
    GreaterThan "greaterThan" = 3;
    GreaterThanOrEqual "greaterThanOrEqual" = 4;
    Ip "ip" = 5;
    IsIpv4 "isIpv4" = 6;
    IsIpv6 "isIpv6" = 7;
    IsLoopback "isLoopback" = 8;
    IsMulticast "isMulticast" = 9;
    IsInRange "isInRange" = 10;
    Datetime "datetime" = 11;
    Duration "duration" = 12;
    Offset "offset" = 13;
    DurationSince "durationSince" = 14;
    ToDate "toDate" = 15;
    ToTime "toTime" = 16;
    ToMilliseconds "toMilliseconds" = 17;
    ToSeconds "toSeconds" = 18;
    ToMinutes "toMinutes" = 19;
    ToHours "toHours" = 20;
    ToDays "toDays" = 21;
}

/// What an extension function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Text,
    Extension(Extension),
}

impl Function {
    /// The types of the arguments.
    pub(super) const fn parameters(self) -> &'static [Parameter] {
        const DECIMAL: Parameter = Parameter::Extension(Extension::Decimal);
        const IP: Parameter = Parameter::Extension(Extension::Ip);
        const DATETIME: Parameter = Parameter::Extension(Extension::Datetime);
        const DURATION: Parameter = Parameter::Extension(Extension::Duration);
        match self {
            Self::Decimal | Self::Ip | Self::Datetime | Self::Duration => &[Parameter::Text],
            Self::LessThan
            | Self::LessThanOrEqual
            | Self::GreaterThan
            | Self::GreaterThanOrEqual => &[DECIMAL, DECIMAL],
            Self::IsIpv4 | Self::IsIpv6 | Self::IsLoopback | Self::IsMulticast => &[IP],
            Self::IsInRange => &[IP, IP],
            Self::Offset => &[DATETIME, DURATION],
            Self::DurationSince => &[DATETIME, DATETIME],
            Self::ToDate | Self::ToTime => &[DATETIME],
            Self::ToMilliseconds
            | Self::ToSeconds
            | Self::ToMinutes
            | Self::ToHours
            | Self::ToDays => &[DURATION],
        }
    }

    /// The value of the function. The arguments are there already; what is judged, in Cedar's
    /// order, is their number, their types from the left, and what the function makes of them.
    pub(super) fn call<'a>(self, arguments: &[Value<'a>]) -> Result<Value<'a>, ErrorKind> {
        match arguments {
            [only] => self.unary(only),
            [left, right] => self.binary(left, right),
            _ => Err(ErrorKind::WrongNumArguments),
        }
    }

    fn unary<'a>(self, argument: &Value<'a>) -> Result<Value<'a>, ErrorKind> {
        Ok(match self {
            Self::Decimal | Self::Ip | Self::Datetime | Self::Duration => {
                let Value::Str(text) = argument else {
                    return Err(ErrorKind::TypeError);
                };
                return self
                    .construct(text)
                    .ok_or(ErrorKind::FailedExtensionFunctionExecution);
            }
            Self::IsIpv4 => Value::Bool(ip_of(argument)?.is_v4()),
            Self::IsIpv6 => Value::Bool(!ip_of(argument)?.is_v4()),
            Self::IsLoopback => Value::Bool(ip_of(argument)?.is_loopback()),
            Self::IsMulticast => Value::Bool(ip_of(argument)?.is_multicast()),
            Self::ToDate => {
                let date = datetime::to_date(datetime_of(argument)?);
                Value::Datetime(date.ok_or(ErrorKind::FailedExtensionFunctionExecution)?)
            }
            Self::ToTime => Value::Duration(datetime::to_time(datetime_of(argument)?)),
            Self::ToMilliseconds => Value::Long(duration_of(argument)?),
            Self::ToSeconds => Value::Long(duration_of(argument)? / 1000),
            Self::ToMinutes => Value::Long(duration_of(argument)? / 60_000),
            Self::ToHours => Value::Long(duration_of(argument)? / 3_600_000),
            Self::ToDays => Value::Long(duration_of(argument)? / datetime::DAY),
            _ => return Err(ErrorKind::WrongNumArguments),
        })
    }

    fn binary<'a>(self, left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>, ErrorKind> {
        const OVERFLOW: ErrorKind = ErrorKind::FailedExtensionFunctionExecution;
        Ok(match self {
            Self::LessThan => Value::Bool(decimal_of(left)? < decimal_of(right)?),
            Self::LessThanOrEqual => Value::Bool(decimal_of(left)? <= decimal_of(right)?),
            Self::GreaterThan => Value::Bool(decimal_of(left)? > decimal_of(right)?),
            Self::GreaterThanOrEqual => Value::Bool(decimal_of(left)? >= decimal_of(right)?),
            Self::IsInRange => Value::Bool(ip_of(left)?.is_in(ip_of(right)?)),
            Self::Offset => {
                let sum = datetime_of(left)?.checked_add(duration_of(right)?);
                Value::Datetime(sum.ok_or(OVERFLOW)?)
            }
            Self::DurationSince => {
                let difference = datetime_of(left)?.checked_sub(datetime_of(right)?);
                Value::Duration(difference.ok_or(OVERFLOW)?)
            }
            _ => return Err(ErrorKind::WrongNumArguments),
        })
    }

    /// The value that a constructor makes of a text; `None` for other functions, and for a text
    /// that it does not accept.
    #[must_use]
    pub fn construct<'a>(self, text: &[u8]) -> Option<Value<'a>> {
        match self {
            Self::Decimal => decimal::parse(text).map(Value::Decimal),
            Self::Ip => Ip::parse(text).map(Value::Ip),
            Self::Datetime => datetime::parse(text).map(Value::Datetime),
            Self::Duration => datetime::parse_duration(text).map(Value::Duration),
            _ => None,
        }
    }
}

const fn decimal_of(value: &Value<'_>) -> Result<i64, ErrorKind> {
    match value {
        Value::Decimal(value) => Ok(*value),
        _ => Err(ErrorKind::TypeError),
    }
}

const fn datetime_of(value: &Value<'_>) -> Result<i64, ErrorKind> {
    match value {
        Value::Datetime(value) => Ok(*value),
        _ => Err(ErrorKind::TypeError),
    }
}

const fn duration_of(value: &Value<'_>) -> Result<i64, ErrorKind> {
    match value {
        Value::Duration(value) => Ok(*value),
        _ => Err(ErrorKind::TypeError),
    }
}

const fn ip_of(value: &Value<'_>) -> Result<Ip, ErrorKind> {
    match value {
        Value::Ip(value) => Ok(*value),
        _ => Err(ErrorKind::TypeError),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::{Extension, Function};
    use crate::cedar::{ErrorKind, Value};

    /// Whole units, towards zero.
    #[test]
    fn durations_are_cut_to_whole_units() {
        let units = [
            (Function::ToMilliseconds, 1),
            (Function::ToSeconds, 1000),
            (Function::ToMinutes, 60_000),
            (Function::ToHours, 3_600_000),
            (Function::ToDays, 86_400_000),
        ];
        for (function, unit) in units {
            for count in [-3_i64, -1, 0, 1, 2, 100] {
                let exactly = count * unit;
                let nearer = exactly - count.signum();
                let fewer = if unit == 1 {
                    nearer
                } else {
                    count - count.signum()
                };
                for (value, whole) in [(exactly, count), (nearer, fewer)] {
                    let found = function.call(&[Value::Duration(value)]);
                    assert_eq!(found, Ok(Value::Long(whole)), "{function:?} of {value} ms");
                }
            }
        }
    }

    #[test]
    fn the_number_of_arguments_is_judged_first() {
        let ip = Function::Ip.construct(b"10.0.0.1").unwrap();
        let ten = Value::Long(10);
        let wrong = [
            (Function::IsInRange, vec![]),
            (Function::IsInRange, vec![ip.clone()]),
            (Function::IsInRange, vec![ten.clone()]),
            (Function::IsIpv4, vec![ip.clone(), ip.clone()]),
            (Function::IsIpv4, vec![ten.clone(), ten.clone()]),
            (Function::IsInRange, vec![ip.clone(), ip.clone(), ip]),
            (Function::Decimal, vec![ten.clone(), ten]),
        ];
        for (function, arguments) in wrong {
            let found = function.call(&arguments);
            assert_eq!(found, Err(ErrorKind::WrongNumArguments), "{function:?}");
        }
    }

    #[test]
    fn types_have_names() {
        let extensions = [
            Extension::Decimal,
            Extension::Ip,
            Extension::Datetime,
            Extension::Duration,
        ];
        for extension in extensions {
            assert_eq!(Extension::from_name(extension.name()), Some(extension));
        }
        assert_eq!(Extension::from_name("money"), None);
    }
}
