//! The same JSON written in another way: engines read it with a reader of their own.

use serde_json::Value;

use super::dice::Dice;

/// The same document with other escapes, other white space and the members in another order.
pub(crate) fn restyled(json: &[u8], seed: u64) -> Result<Vec<u8>, String> {
    let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let mut writer = Writer {
        dice: Dice::new(seed, 0),
        text: String::with_capacity(json.len() * 2),
    };
    writer.value(&value);
    writer.space();
    Ok(writer.text.into_bytes())
}

struct Writer {
    dice: Dice,
    text: String,
}

impl Writer {
    fn space(&mut self) {
        if self.dice.chance(15) {
            self.text
                .push_str(self.dice.of(&[" ", "\n", "\t", "\r\n  "]));
        }
    }

    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.text.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.comma(index);
                    self.value(item);
                }
                self.space();
                self.text.push(']');
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                self.dice.shuffle(&mut members);
                self.text.push('{');
                for (index, (name, member)) in members.into_iter().enumerate() {
                    self.comma(index);
                    self.space();
                    self.string(name);
                    self.space();
                    self.text.push(':');
                    self.value(member);
                }
                self.space();
                self.text.push('}');
            }
            other => self.text.push_str(&other.to_string()),
        }
    }

    fn comma(&mut self, index: usize) {
        self.space();
        if index > 0 {
            self.text.push(',');
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        let escaped = self.dice.chance(30);
        for character in text.chars() {
            let must = matches!(character, '"' | '\\') || character < ' ';
            match character {
                '"' | '\\' | '/' if self.dice.chance(50) => {
                    self.text.push('\\');
                    self.text.push(character);
                }
                '\n' if self.dice.chance(50) => self.text.push_str("\\n"),
                _ if must || (escaped && self.dice.chance(60)) => self.unicode(character),
                _ => self.text.push(character),
            }
        }
        self.text.push('"');
    }

    fn unicode(&mut self, character: char) {
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            let hex = format!("{unit:04x}");
            let hex = if self.dice.chance(50) {
                hex.to_uppercase()
            } else {
                hex
            };
            self.text.push_str("\\u");
            self.text.push_str(&hex);
        }
    }
}
