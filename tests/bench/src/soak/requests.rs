//! Requests as nginx asks a gateway, each with the answer that it must get.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::gateway::world::World;

/// By when a revocation is heard: files are looked at twice a second, and the machine may be busy.
const HEARD: Duration = Duration::from_secs(5);

/// A token that will be revoked, and when that was written.
#[derive(Clone, Default)]
pub(super) struct Doomed {
    pub(super) token: String,
    pub(super) revoked: Option<Instant>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Fresh,
    Again,
    Unmapped,
    WithoutToken,
}

/// One connection to the gateway.
struct Asking {
    to: TcpStream,
    from: BufReader<TcpStream>,
}

/// Asks until `end`, and says what was asked and what was answered wrongly.
pub(super) fn ask(
    world: &World,
    address: &str,
    doomed: &Mutex<Doomed>,
    (first, end): (usize, Instant),
) -> Result<(u64, Vec<String>), Box<dyn Error>> {
    let to = TcpStream::connect(address)?;
    to.set_nodelay(true)?;
    let from = BufReader::new(to.try_clone()?);
    let mut asking = Asking { to, from };
    let (mut count, mut wrong) = (0, Vec::new());
    let mut jti = first;
    while Instant::now() < end && wrong.len() < 5 {
        jti += 1;
        let shown = world.shown("/notes/7", jti)?;
        let kinds = [
            (Asked::Fresh, "/notes/7", shown.clone()),
            (Asked::Again, "/notes/7", shown),
            (Asked::Unmapped, "/drafts/7", world.shown("/drafts/7", jti)?),
            (Asked::WithoutToken, "/notes/7", String::new()),
        ];
        for (kind, path, shown) in kinds {
            count += 1;
            let (status, text) = asking.get(path, &shown)?;
            if !is_right(kind, status, &text) {
                wrong.push(format!("{kind:?}: {status} {text}"));
            }
        }
        count += 1;
        wrong.extend(asking.doomed(world, doomed, jti)?);
    }
    Ok((count, wrong))
}

fn is_right(kind: Asked, status: u16, text: &str) -> bool {
    match kind {
        Asked::Fresh => status == 200,
        Asked::Again => status != 200 && text.contains("possession.used"),
        Asked::Unmapped => status == 403,
        Asked::WithoutToken => status == 401,
    }
}

impl Asking {
    /// With the token that is revoked at some time: yes before, no after, and either while that is being heard.
    fn doomed(
        &mut self,
        world: &World,
        doomed: &Mutex<Doomed>,
        jti: usize,
    ) -> Result<Option<String>, Box<dyn Error>> {
        let read = || doomed.lock().map(|doomed| doomed.clone());
        let before = read().map_err(|error| error.to_string())?;
        let shown = world.shown_with(&before.token, "/notes/7", jti + 500_000_000)?;
        let (status, text) = self.get("/notes/7", &shown)?;
        let after = read().map_err(|error| error.to_string())?;
        let lived = after.token == before.token && after.revoked.is_none();
        let ended = before.revoked.is_some_and(|at| at.elapsed() > HEARD);
        let is_wrong = (lived && status != 200)
            || (ended && !(status != 200 && text.contains("revocation.revoked")));
        let is_wrong = is_wrong && before.token == after.token;
        let when = if ended { "revoked" } else { "not yet revoked" };
        Ok(is_wrong.then(|| format!("a token that is {when}: {status} {text}")))
    }

    fn get(&mut self, path: &str, shown: &str) -> Result<(u16, String), Box<dyn Error>> {
        let request = format!(
            "GET /check HTTP/1.1\r\nhost: notes.example\r\nx-original-method: GET\r\nx-original-uri: {path}\r\n\
             x-original-body: HTTP/1.1 \r\n{shown}\r\n"
        );
        self.to.write_all(request.as_bytes())?;
        let (mut length, mut head, mut closes) = (0, String::new(), false);
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line)? == 0 {
                return Err(format!("the gateway hung up: {head}").into());
            }
            if line.trim().is_empty() {
                break;
            }
            let small = line.to_lowercase();
            if let Some(value) = small.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            closes |= small.starts_with("connection: close");
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        self.from.read_exact(&mut body)?;
        if closes {
            self.to = TcpStream::connect(self.to.peer_addr()?)?;
            self.from = BufReader::new(self.to.try_clone()?);
        }
        let status = head.split(' ').nth(1).unwrap_or_default().parse()?;
        Ok((status, format!("{head}{}", String::from_utf8_lossy(&body))))
    }
}
