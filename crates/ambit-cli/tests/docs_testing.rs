//! `docs/testing.md` is run as it is read: its files are written, its commands run, and their words compared.

mod common;

use std::fs;
use std::path::Path;

use common::ambit_in;

/// Files and commands, in the order of the page.
enum Block {
    File { name: String, text: String },
    Console(String),
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (info, after) = after.split_once('\n').unwrap();
        let (text, after) = after.split_once("\n```").unwrap();
        let text = format!("{text}\n");
        match info.split_once(' ') {
            Some((_, name)) => blocks.push(Block::File {
                name: name.to_owned(),
                text,
            }),
            None if info == "console" => blocks.push(Block::Console(text)),
            None => {}
        }
        rest = after;
    }
    blocks
}

/// How long something took differs from run to run.
fn timeless(text: &str) -> String {
    let words = text.split_inclusive(' ').collect::<Vec<_>>();
    let timed = |at: usize| {
        words
            .get(at + 1)
            .is_some_and(|next| next.starts_with("ms\n") || *next == "ms")
    };
    let number = |word: &str| word.trim_end().parse::<u32>().is_ok();
    let each = words.iter().enumerate();
    each.map(|(at, word)| {
        if number(word) && timed(at) {
            "… "
        } else {
            word
        }
    })
    .collect()
}

#[test]
fn the_worked_example_comes_out_as_the_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/testing.md");
    let page = fs::read_to_string(page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut runs = 0;
    for block in blocks(&page) {
        match block {
            Block::File { name, text } => {
                let file = folder.path().join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Block::Console(text) => {
                let (command, expected) = text.split_once('\n').unwrap();
                let words = command.strip_prefix("$ ambit ").unwrap();
                // The one quoted argument of the page.
                let (words, quoted) = words.split_once(" '").unwrap_or((words, ""));
                let mut arguments: Vec<&str> = words.split(' ').collect();
                arguments.extend(Some(quoted.trim_end_matches('\'')).filter(|one| !one.is_empty()));
                let run = ambit_in(folder.path(), &arguments, b"");
                assert_eq!(timeless(&run.err), timeless(expected), "{command}");
                assert_eq!(
                    run.code,
                    if expected.contains("FAILED") { 2 } else { 0 },
                    "{command}"
                );
                runs += 1;
            }
        }
    }
    assert_eq!(runs, 3);
}
