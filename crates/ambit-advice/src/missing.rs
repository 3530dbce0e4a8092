//! A capability that is lacking, for programs and in words.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::Writer;
use ambit_evaluator::joined;

/// The capability that is to be asked for, and what the token holds instead.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    pub(crate) action: String,
    pub(crate) power: &'static str,
    pub(crate) resource: String,
    pub(crate) purpose: String,
    pub(crate) held: Held,
}

#[derive(Clone, Debug)]
pub(crate) enum Held {
    Nothing,
    /// At other hours or within other bounds.
    Otherwise,
    Powers(Vec<&'static str>),
    Purposes(Vec<String>),
}

impl Missing {
    pub(crate) fn text(&self) -> String {
        let held = match &self.held {
            Held::Nothing => String::from("the token holds nothing for it"),
            Held::Otherwise => {
                String::from("the token holds it at other hours or within other bounds")
            }
            Held::Powers(powers) if powers.is_empty() => {
                String::from("the token holds no power for it")
            }
            Held::Powers(powers) => format!(
                "the token holds {}",
                joined(&mut powers.iter().copied(), ", ")
            ),
            Held::Purposes(purposes) => format!(
                "the token holds it for {}",
                joined(&mut purposes.iter().map(String::as_str), ", ")
            ),
        };
        format!(
            "a token is needed that may {} {} on {} for {}; {held}",
            self.power, self.action, self.resource, self.purpose
        )
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.name("type").string("request_capability");
            out.name("missing").object(|out| {
                out.name("action").string(&self.action);
                out.name("power").string(self.power);
                out.name("resource").string(&self.resource);
                out.name("purpose").string(&self.purpose);
            });
            out.name("held").object(|out| match &self.held {
                Held::Nothing | Held::Otherwise => {}
                Held::Powers(powers) => {
                    out.name("powers").array(|out| {
                        for power in powers {
                            out.string(power);
                        }
                    });
                }
                Held::Purposes(purposes) => {
                    out.name("purposes").array(|out| {
                        for purpose in purposes {
                            out.string(purpose);
                        }
                    });
                }
            });
        });
    }
}
