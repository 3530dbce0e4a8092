//! The contract of every ledger, held by one in PostgreSQL; and what only a server can do to it.

#[path = "ledgers/cases.rs"]
mod cases;
#[expect(dead_code, reason = "what runs over the ledgers without a server")]
mod ledgers;
#[path = "ledgers/processes.rs"]
mod processes;
#[path = "servers/postgres.rs"]
mod server;

use std::time::{Duration, Instant};

use ambit_host::ledger::{Ledger as _, Lender, PostgresLedger};
use ledgers::{NOW, code, spend};
use postgres::{Client, NoTls};
use server::Postgres;

/// Not a test of its own: what is run in another process.
#[test]
fn child() {
    processes::child();
}

type Case = fn(&dyn Lender, &str);
const CASES: [Case; 8] = [
    cases::all_or_nothing,
    cases::of_two_charges_to_one_budget_the_smaller_bound_counts,
    cases::a_budget_is_forgotten_after_its_block_has_ended_and_is_never_new,
    cases::what_makes_no_sense_is_refused,
    cases::what_happens_once_is_kept_until_its_end_and_beyond,
    cases::eight_threads_share_a_budget_exactly,
    cases::a_loan_is_charged_and_ends_once,
    cases::the_longest_end_counts,
];

/// One server for all: it takes seconds to make.
#[test]
fn the_contract() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let mut admin = Client::connect(&server.superuser(), NoTls).unwrap();
    let mut databases = 0;
    let mut fresh = || {
        databases += 1;
        let name = format!("ledger_{databases}");
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        server.url(&name)
    };
    for case in CASES {
        case(&PostgresLedger::open(&fresh()).unwrap(), "postgres");
    }
    processes::share_a_budget(&fresh());
    processes::are_killed(&fresh());
    a_broken_connection_is_made_anew(&fresh());
    a_server_that_stops_is_waited_for_ten_seconds(&fresh());
    isolation_of_the_database_does_not_matter(&fresh());
    what_is_no_ledger_is_refused(&fresh());
    a_server_that_may_forget_is_refused(&server, &fresh());
    an_encrypted_connection_is_made_to_the_server_that_is_named(&server);
}

fn a_broken_connection_is_made_anew(place: &str) {
    let ledger = PostgresLedger::open(place).unwrap();
    assert_eq!(code(ledger.consume(&[spend("a", 1, 5)], NOW)), "ok");
    let mut other = Client::connect(place, NoTls).unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ambit' AND datname = current_database()";
    other.execute(end, &[]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    // The call that meets it may fail, and then nothing was charged; the next one does not.
    let met = code(ledger.consume(&[spend("a", 1, 5)], NOW));
    let used = ledger.used("a").unwrap();
    assert_eq!(used, if met == "ok" { 2 } else { 1 }, "{met}");
    assert_eq!(code(ledger.consume(&[spend("a", 1, 5)], NOW)), "ok");
    assert_eq!(ledger.used("a").unwrap(), used + 1);
}

/// What the server promises about time does not hold while it is stopped, so calls end by themselves.
fn a_server_that_stops_is_waited_for_ten_seconds(place: &str) {
    let ledger = PostgresLedger::open(place).unwrap();
    let mut other = Client::connect(place, NoTls).unwrap();
    let who = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ambit' AND datname = current_database()";
    let process: i32 = other.query_one(who, &[]).unwrap().get(0);
    let tell = |signal: &str| {
        let mut kill = std::process::Command::new("kill");
        assert!(
            kill.args([signal, &process.to_string()])
                .status()
                .unwrap()
                .success()
        );
    };
    tell("-STOP");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let started = Instant::now();
                assert_eq!(
                    code(ledger.consume(&[spend("a", 1, 5)], NOW)),
                    "ledger.store"
                );
                assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
            });
        }
    });
    // The connection is given up, and the next call has a new one.
    assert_eq!(code(ledger.consume(&[spend("a", 1, 5)], NOW)), "ok");
    tell("-CONT");
    assert_eq!(ledger.used("a").unwrap(), 1, "what was begun is undone");
}

/// Ten seconds, and what a busy machine needs besides.
const BOUND: Duration = Duration::from_secs(14);

#[test]
fn a_server_that_never_answers_is_waited_for_ten_seconds() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = std::thread::spawn(move || listener.accept());
    let started = Instant::now();
    let refused = PostgresLedger::open(&format!("postgres://app@127.0.0.1:{port}/shop"));
    assert_eq!(refused.unwrap_err().code(), "ledger.store");
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    drop(accepted.join().unwrap().unwrap());
}

fn an_encrypted_connection_is_made_to_the_server_that_is_named(server: &Postgres) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let roots = server.encrypt(port);
    let roots = roots.display();
    let open = |host: &str, options: &str| {
        PostgresLedger::open(&format!(
            "postgres://postgres@{host}:{port}/postgres?{options}"
        ))
    };
    let escaped = roots.to_string().replace('/', "%2F");
    for options in [
        format!("sslmode=verify-full&sslrootcert={roots}"),
        format!("sslrootcert={escaped}&sslmode=require"),
        format!("connect_timeout=5&sslrootcert={roots}"),
    ] {
        let ledger = open("localhost", &options).unwrap();
        assert_eq!(code(ledger.consume(&[spend("a", 1, 9)], NOW)), "ok");
        let mut other = Client::connect(
            &format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            NoTls,
        )
        .unwrap();
        let who = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'ambit'";
        let encrypted: Vec<bool> = other
            .query(who, &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert_eq!(encrypted, [true], "{options}");
    }
    // Where nothing is said, a connection within the machine is as it was.
    assert!(open("127.0.0.1", "connect_timeout=5").is_ok());
    let data = format!("{roots}").replace("ca.pem", "data/postgresql.conf");
    for (host, options, why) in [
        // The system does not know who vouches for it, another vouches, and it is somebody else.
        ("localhost", "sslmode=require".to_owned(), "certificate"),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={data}"),
            "no certificates",
        ),
        (
            "localhost",
            format!("sslrootcert={data}.none"),
            "no certificates",
        ),
        (
            "127.0.0.1",
            format!("sslmode=require&sslrootcert={roots}"),
            "certificate",
        ),
    ] {
        let refused = open(host, &options).map(drop).unwrap_err();
        assert_eq!(refused.code(), "ledger.store", "{host} {options}");
        assert!(
            refused.to_string().contains(why),
            "{host} {options}: {refused}"
        );
    }
}

/// Nobody in between has a connection made without it.
#[test]
fn a_server_without_encryption_is_refused_where_that_is_asked_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).unwrap();
        stream.write_all(b"N").unwrap();
        let mut more = Vec::new();
        stream.read_to_end(&mut more).unwrap();
        more
    });
    let place = format!("postgres://app:hunter2@127.0.0.1:{port}/shop?sslmode=verify-full");
    let refused = PostgresLedger::open(&place).map(drop).unwrap_err();
    assert!(refused.to_string().contains("TLS"), "{refused}");
    assert_eq!(heard.join().unwrap(), b"", "nothing is told to it");
}

#[test]
fn a_password_is_seen_where_the_driver_sees_it() {
    for (place, expected) in [
        ("postgres://app@localhost/shop", false),
        ("postgres://app@%2Fvar%2Frun%2Fpostgresql/shop", false),
        ("postgres://app:hunter2@localhost/shop", true),
        ("postgres://app:a/b@localhost/shop", true),
        ("postgres://app:a?b@localhost/shop", true),
        ("postgres://app@localhost/shop?password=hunter2", true),
        ("postgres://app@localhost/shop?pass%77ord=hunter2", true),
        ("postgres://app:hunter2@localhost:no/shop", true),
        (
            "postgres://app:hunter2@db.example/shop?sslmode=verify-full",
            true,
        ),
        (
            "postgres://app@db/shop?sslrootcert=ca.pem&pass%77ord=hunter2",
            true,
        ),
        (
            "postgres://app@db/shop?sslmode=verify-full&sslrootcert=ca.pem",
            false,
        ),
        ("used.sqlite", false),
    ] {
        assert_eq!(PostgresLedger::has_password(place), expected, "{place}");
    }
}

fn isolation_of_the_database_does_not_matter(place: &str) {
    let mut other = Client::connect(place, NoTls).unwrap();
    let set = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
        EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
    other.batch_execute(set).unwrap();
    drop(other);
    processes::share_a_budget(place);
}

fn what_is_no_ledger_is_refused(place: &str) {
    let words = |place: &str| PostgresLedger::open(place).unwrap_err().to_string();
    for (place, said) in [
        (
            "postgres://app:hunter2@db.example/shop",
            "would not be encrypted",
        ),
        (
            "postgres://app:hunter2@10.0.0.7/shop",
            "would not be encrypted",
        ),
        (
            "postgres://app:hunter2@127.0.0.1,10.0.0.7/shop",
            "would not be encrypted",
        ),
        (
            "postgres://app:hunter2@localhost:no/shop",
            "names no database",
        ),
        ("postgres://", "would not be encrypted"),
        (
            "postgres://app:hunter2@127.0.0.1:1/shop",
            "cannot be read or written",
        ),
    ] {
        let words = words(place);
        assert!(words.contains(said), "{place}: {words}");
        assert!(!words.contains("hunter2"), "{words}");
    }
    let mut other = Client::connect(place, NoTls).unwrap();
    drop(PostgresLedger::open(place).unwrap());
    other
        .batch_execute("UPDATE ambit_forgotten SET form = 2")
        .unwrap();
    assert!(words(place).contains("another version"));
    other.batch_execute("DROP TABLE ambit_forgotten, ambit_budget, ambit_loan; CREATE TABLE ambit_budget (theirs text)").unwrap();
    assert_eq!(code(PostgresLedger::open(place)), "ledger.store");
}

fn a_server_that_may_forget_is_refused(server: &Postgres, place: &str) {
    server.restart_with("fsync = off");
    assert!(
        PostgresLedger::open(place)
            .unwrap_err()
            .to_string()
            .contains("fsync")
    );
}
