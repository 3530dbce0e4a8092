//! Debian's PostgreSQL, with a data directory of the test's own. It listens on a socket in there.

use std::path::PathBuf;
use std::process::Command;

/// A server that ends with the test.
pub(crate) struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    root: bool,
}

impl Postgres {
    /// Starts one; without the programs a line says that the tests were left out, and in CI that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI needs PostgreSQL: `apt-get install postgresql`"
            );
            println!("SKIPPED: no PostgreSQL (`apt-get install postgresql`)");
            return None;
        };
        let root = output(Command::new("id").arg("-u")) == "0";
        let mut server = Self {
            folder: PathBuf::new(),
            programs,
            root,
        };
        // Of the user that the server runs as, and short: the name of a socket has at most 107 bytes.
        server.folder = output(
            server
                .as_postgres("mktemp")
                .args(["-d", "/tmp/ambit-pg.XXXXXX"]),
        )
        .into();
        let data = server.folder.join("data");
        let mut initdb = server.as_postgres("initdb");
        initdb.args([
            "-N",
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-D",
        ]);
        output(initdb.arg(&data));
        let options = format!(
            "-c listen_addresses= -c max_connections=100 -k {}",
            server.folder.display()
        );
        let mut start = server.as_postgres("pg_ctl");
        start
            .args(["-w", "-t", "120", "-o", &options, "-D"])
            .arg(&data);
        output(start.arg("-l").arg(server.folder.join("log")).arg("start"));
        Some(server)
    }

    /// Where it is, and as whom one can do everything.
    pub(crate) fn superuser(&self) -> String {
        format!(
            "host={} user=postgres dbname=postgres",
            self.folder.display()
        )
    }

    /// A database of it.
    pub(crate) fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}/{database}")
    }

    /// Starts it anew with one more setting.
    pub(crate) fn restart_with(&self, setting: &str) {
        use std::io::Write as _;
        let data = self.folder.join("data");
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .unwrap();
        writeln!(file, "{setting}").unwrap();
        let mut restart = self.as_postgres("pg_ctl");
        restart
            .args(["-w", "-t", "120", "-m", "fast", "-D"])
            .arg(&data);
        output(
            restart
                .arg("-l")
                .arg(self.folder.join("log"))
                .arg("restart"),
        );
    }

    /// Starts it anew with a certificate for `localhost`, listening at this port of 127.0.0.1. Gives the file of the
    /// certificate that vouches for it.
    pub(crate) fn encrypt(&self, port: u16) -> PathBuf {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let make = |arguments: &str| {
            let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
            let line = arguments.replace("KEY", key);
            let name = |word: &str| match word.strip_prefix('@') {
                Some(name) => at(name),
                None => word.to_owned(),
            };
            let mut openssl = self.as_postgres("openssl");
            output(openssl.args(line.split(' ').map(name)));
        };
        make("req -x509 KEY -days 2 -subj /CN=authority -keyout @ca.key -out @ca.pem");
        make(
            "req KEY -subj /CN=server -addext subjectAltName=DNS:localhost -keyout @server.key -out @server.csr",
        );
        make(
            "x509 -req -in @server.csr -copy_extensions copy -CA @ca.pem -CAkey @ca.key -CAcreateserial -days 2 -out @server.pem",
        );
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c fsync=on -c ssl=on -c ssl_cert_file={} -c ssl_key_file={} -k {}",
            at("server.pem"),
            at("server.key"),
            self.folder.display()
        );
        let mut restart = self.as_postgres("pg_ctl");
        restart
            .args(["-w", "-t", "120", "-m", "fast", "-o", &options, "-D"])
            .arg(self.folder.join("data"));
        output(
            restart
                .arg("-l")
                .arg(self.folder.join("log"))
                .arg("restart"),
        );
        self.folder.join("ca.pem")
    }

    /// `initdb` refuses root, and so does the server.
    fn as_postgres(&self, program: &str) -> Command {
        let own = self.programs.join(program);
        let program = if own.is_file() { own } else { program.into() };
        if !self.root {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command.current_dir("/");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.as_postgres("pg_ctl");
        stop.args(["-m", "immediate", "-D"])
            .arg(self.folder.join("data"));
        let _ = stop.arg("stop").output();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The newest that is installed. Debian keeps them out of the path.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|one| Some(one.ok()?.path().join("bin")));
    let mut found: Vec<PathBuf> = folders.filter(|bin| bin.join("initdb").is_file()).collect();
    found.sort();
    found.pop()
}

/// What a program says that must not fail. `pg_ctl` leaves a server behind that would keep a pipe open, so its words go
/// to a file.
fn output(command: &mut Command) -> String {
    let words = tempfile::NamedTempFile::new().unwrap();
    let status = command
        .stdout(words.reopen().unwrap())
        .stderr(words.reopen().unwrap())
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = std::fs::read_to_string(words.path()).unwrap();
    assert!(status.success(), "{command:?}: {said}");
    said.trim().to_owned()
}
