//! Server-sent events, as the HTML standard has them, section 9.2.6: of each the data.

/// A stream that is read as it comes.
pub(super) struct Events {
    most: usize,
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    /// The last byte was a carriage return: a line feed behind it ends nothing.
    after_return: bool,
    is_begun: bool,
}

impl Events {
    /// No line and no event has more bytes.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            line: Vec::new(),
            data: None,
            after_return: false,
            is_begun: false,
        }
    }

    /// The data of the events that are whole now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let mut whole = Vec::new();
        for byte in bytes {
            let is_second = self.after_return && *byte == b'\n';
            self.after_return = *byte == b'\r';
            match byte {
                b'\n' if is_second => {}
                b'\n' | b'\r' => whole.extend(self.end_line()),
                byte => self.line.push(*byte),
            }
            let data = self.data.as_ref().map_or(0, Vec::len);
            if self.line.len() + data > self.most {
                return Err(format!("an event of it has more than {} bytes", self.most));
            }
        }
        Ok(whole)
    }

    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if !self.is_begun => rest,
            _ => &line,
        };
        self.is_begun = true;
        if line.is_empty() {
            return self.data.take().filter(|data| !data.is_empty());
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        if name == b"data" {
            let value = value.strip_prefix(b":").unwrap_or(value);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, at_once: usize) -> Vec<String> {
        let mut events = Events::new(100);
        let parts = text.as_bytes().chunks(at_once);
        let all = parts.flat_map(|part| events.take(part).unwrap());
        all.map(|data| String::from_utf8(data).unwrap()).collect()
    }

    #[test]
    fn events_are_read_however_they_come() {
        let text = "\u{feff}data: {\"a\":1}\n\n: beat\n\nid: 1\r\nevent: message\r\ndata:{\r\ndata: }\r\n\r\ndata\n\ndata: x\r\rdata: cut";
        for at_once in [1, 2, 7, 1000] {
            assert_eq!(read(text, at_once), ["{\"a\":1}", "{\n}", "x"], "{at_once}");
        }
    }

    #[test]
    fn an_event_is_bounded() {
        let line = |many: usize| format!("data: {}\n", "x".repeat(many));
        assert!(Events::new(100).take(line(95).as_bytes()).is_err());
        assert!(
            Events::new(100)
                .take((line(60) + &line(60)).as_bytes())
                .is_err()
        );
        assert!(
            Events::new(100)
                .take((line(60) + "\n" + &line(60)).as_bytes())
                .is_ok()
        );
    }
}
