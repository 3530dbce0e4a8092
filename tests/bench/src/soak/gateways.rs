//! Both gateways under mixed load, with a policy every second and a revocation every ten.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ambit_compiler::keys;
use ambit_token::base64url;
use serde_json::{Value, json};

use super::growth::Watched;
use super::requests::{Doomed, ask};
use super::say;
use crate::gateway::mcp::Client;
use crate::gateway::world::{Running, World, heard};

/// Connections that ask the forward gateway.
const CONNECTIONS: usize = 2;
const POLICY: Duration = Duration::from_secs(1);
const REVOCATION: Duration = Duration::from_secs(10);

/// The policy that tokens are made for: no gateway is still behind it.
const FIRST: &str = "first.wasm";

type Failed = Box<dyn Error + Send + Sync>;

struct Soak {
    world: World,
    doomed: Mutex<Doomed>,
    /// The latest version that was published.
    version: AtomicU64,
    end: Instant,
}

/// Asks both gateways of this `ambit` for so long.
pub(crate) fn run(ambit: &Path, time: Duration) -> Result<(), Box<dyn Error>> {
    let (soak, policy) = Soak::prepare(ambit)?;
    let told = |error: Box<dyn Error>| Failed::from(error.to_string());
    let options = ["--listen", "127.0.0.1:0", "--statements", "epochs.jwt"];
    let mut gateway = soak.world.gateway(&["forward", "forward.toml"], &options);
    let mut gateway = Running::start(gateway.stdout(Stdio::null()).stderr(Stdio::piped()))?;
    let said = gateway.0.stderr.take().ok_or("no output")?;
    let address = heard(said, "checking at http://")?;
    let mut mcp = Client::through(&soak.world, &["--statements", "epochs.jwt"])?;
    let mut watched = [
        Watched::new("gateway forward", gateway.0.id()),
        Watched::new("gateway mcp", mcp.id()),
    ];
    let end = Instant::now() + time;
    let soak = Soak { end, ..soak };
    let (asked, wrong) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let count = |(count, said): (u64, Vec<String>)| {
        asked.lock().map(|mut asked| asked.push(count)).ok();
        wrong.lock().map(|mut wrong| wrong.extend(said)).ok();
    };
    thread::scope(|scope| -> Result<(), Failed> {
        let mut running = Vec::new();
        for number in 0..CONNECTIONS {
            let (soak, address, count) = (&soak, &address, &count);
            running.push(scope.spawn(move || {
                let from = (number * 1_000_000_000, soak.end);
                ask(&soak.world, address, &soak.doomed, from)
                    .map(count)
                    .map_err(told)
            }));
        }
        running.push(scope.spawn(|| soak.call(&mut mcp).map(count).map_err(told)));
        running.push(scope.spawn(|| soak.publish_on(&policy).map_err(told)));
        running.push(scope.spawn(|| soak.revoke_on().map_err(told)));
        while Instant::now() < soak.end {
            watched.iter_mut().for_each(Watched::look);
            thread::sleep(Duration::from_millis(250));
        }
        running.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|_| Err("a thread of the load stopped".into()))
        })
    })
    .map_err(|error| error.to_string())?;
    let asked = asked.into_inner().unwrap_or_default();
    let wrong = wrong.into_inner().unwrap_or_default();
    let (passed, said) = judge_answers(&asked, &wrong, time);
    say("gateways: every answer is right", passed, &said);
    watched.iter().for_each(Watched::judge);
    drop((mcp, gateway));
    soak.judge_logs(time)
}

/// Whether all answers were right, and each of those who asked has asked once a second at least, however busy the machine.
fn judge_answers(asked: &[u64], wrong: &[String], time: Duration) -> (bool, String) {
    if !wrong.is_empty() {
        return (false, wrong.join("; "));
    }
    let least = asked.iter().min().copied().unwrap_or_default();
    let enough = asked.len() == CONNECTIONS + 1 && least >= time.as_secs().max(1);
    let said = format!("{} requests", asked.iter().sum::<u64>());
    match enough {
        true => (true, said),
        false => (false, format!("too few to say so: {said}, {asked:?}")),
    }
}

impl Soak {
    /// A project whose policy knows who revokes, in its second version, and with a first token.
    fn prepare(ambit: &Path) -> Result<(Self, String), Box<dyn Error>> {
        let world = World::new(ambit)?;
        let made = world.ambit("keygen -o keys/epochs.jwk --kid epochs-1")?;
        let public: Value = serde_json::from_str(&made)?;
        let key = format!(
            "\n[[keys]]\niss = \"https://issuer.example\"\nkid = \"epochs-1\"\nalg = \"Ed25519\"\n\
         signs = \"revocation-epochs+jwt\"\nx = {}\n",
            public["x"]
        );
        let policy = fs::read_to_string(world.path("ambit.toml"))? + &key;
        fs::remove_file(world.path("policy.wasm.dsse.json"))?;
        let soak = Self {
            doomed: Mutex::default(),
            version: AtomicU64::new(1),
            end: Instant::now(),
            world,
        };
        soak.publish(&policy, 2)?;
        fs::copy(soak.world.path("policy.wasm"), soak.world.path(FIRST))?;
        soak.revoke(1, None)?;
        Ok((soak, policy))
    }

    /// Calls a tool until the end; each call must run.
    fn call(&self, mcp: &mut Client) -> Result<(u64, Vec<String>), Box<dyn Error>> {
        let mut count = 0;
        while Instant::now() < self.end {
            count += 1;
            if let Err(wrong) = mcp.call() {
                return Ok((count, vec![format!("a tool call: {wrong}")]));
            }
        }
        Ok((count, Vec::new()))
    }

    /// A policy every second.
    fn publish_on(&self, policy: &str) -> Result<(), Box<dyn Error>> {
        self.every(POLICY, |count| self.publish(policy, u64::from(count) + 2))
    }

    /// A revocation every ten.
    fn revoke_on(&self) -> Result<(), Box<dyn Error>> {
        self.every(REVOCATION, |count| self.revoke(count + 1, Some(count - 1)))
    }

    /// Does this again and again until the end, with the count of it.
    fn every(
        &self,
        period: Duration,
        step: impl Fn(u32) -> Result<(), Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let begun = Instant::now();
        let mut count = 0;
        while Instant::now() < self.end {
            if begun.elapsed() >= period * count {
                count += 1;
                step(count)?;
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Puts this version of the policy in the place of the last one, in one step.
    fn publish(&self, policy: &str, version: u64) -> Result<(), Box<dyn Error>> {
        let policy = policy.replacen("\nversion = 1\n", &format!("\nversion = {version}\n"), 1);
        self.world.write("ambit.toml", &policy)?;
        self.world.ambit("build . -o next.wasm")?;
        self.world
            .ambit("sign next.wasm --key keys/module.jwk --carried")?;
        fs::rename(self.world.path("next.wasm"), self.world.path("policy.wasm"))?;
        self.version.store(version, Ordering::Relaxed);
        Ok(())
    }

    /// Revokes the token of this number, waits until that is heard, and makes the next one.
    fn revoke(&self, version: u32, number: Option<u32>) -> Result<(), Box<dyn Error>> {
        let entries = match number {
            Some(number) => json!([{"selector": {"sub": format!("user:{number}")}, "all": true}]),
            None => json!([]),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let header = json!({"alg": "Ed25519", "typ": "revocation-epochs+jwt", "kid": "epochs-1"});
        let claims = json!({
            "iss": "https://issuer.example", "iat": now, "exp": now + 3600, "version": version, "entries": entries,
        });
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signer = keys::load(&self.world.path("keys/epochs.jwk"))?;
        let signature = base64url::encode(&signer.sign(input.as_bytes()));
        let lock = || self.doomed.lock().map_err(|error| error.to_string());
        if number.is_some() {
            lock()?.revoked = Some(Instant::now());
        }
        self.world
            .write("next.jwt", &format!("{input}.{signature}"))?;
        fs::rename(self.world.path("next.jwt"), self.world.path("epochs.jwt"))?;
        if number.is_some() {
            // Long enough for those who ask to see it refused.
            thread::sleep(Duration::from_secs(7));
        }
        *lock()? = Doomed {
            token: self.world.mint(FIRST, &format!("user:{}", version - 1))?,
            revoked: None,
        };
        Ok(())
    }

    /// Both logs are whole, and policies followed each other in them.
    fn judge_logs(&self, time: Duration) -> Result<(), Box<dyn Error>> {
        let key = keys::load(&self.world.path("keys/log.jwk"))?;
        self.world
            .write("keys/log.pub.jwk", &key.public_jwk().to_string())?;
        for log in ["forward.log", "mcp.log"] {
            let verified = self
                .world
                .ambit(&format!("audit verify {log} --key keys/log.pub.jwk"));
            let said = verified.as_ref().map_or_else(ToString::to_string, |said| {
                said.lines().nth(1).unwrap_or_default().trim().to_owned()
            });
            say(&format!("{log}: whole"), verified.is_ok(), &said);
            let text = fs::read_to_string(self.world.path(log))?;
            let mut versions = Vec::new();
            for line in text.lines() {
                let line: Value = serde_json::from_str(line)?;
                let version = line["data"]["unmapped"]["record"]["policy"]["version"].as_u64();
                versions.extend(version);
            }
            versions.sort_unstable();
            versions.dedup();
            let last = self.version.load(Ordering::Relaxed);
            // A build takes its time where the machine is busy, and files are looked at twice a second.
            let enough = versions.len() as u64 >= (time.as_secs() / 6).min(last / 3).max(2);
            let followed = versions.last().is_some_and(|newest| newest + 3 >= last);
            let said = format!(
                "{} of {last} versions decided, the last one {:?}",
                versions.len(),
                versions.last()
            );
            say(
                &format!("{log}: policies follow"),
                enough && followed,
                &said,
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_answers_are_enough_where_there_are_some() {
        let passes = |asked: &[u64], wrong: &[String]| {
            judge_answers(asked, wrong, Duration::from_secs(10)).0
        };
        assert!(passes(&[10, 500, 20], &[]));
        assert!(!passes(&[10, 500, 20], &["one".to_owned()]));
        assert!(!passes(&[10, 500, 9], &[]));
        assert!(!passes(&[500, 500], &[]));
        assert!(!passes(&[], &[]));
    }
}
