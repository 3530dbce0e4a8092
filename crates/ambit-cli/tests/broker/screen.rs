//! Pages as Chromium lays them out: nothing is wider than a screen of 320 px, light or dark.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::world::{Server, Told};

/// Looks at these pages in Chromium, and says so where there is none. With `AMBIT_PICTURES` the pictures stay in that
/// folder, for people to look at.
pub(crate) fn fit(server: &Server, pages: &[(&str, &Told)]) {
    let Some(chromium) = chromium() else {
        assert!(std::env::var_os("CI").is_none(), "CI needs Chromium");
        println!("skipped: there is no chromium to lay out pages");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let style = server.get("/broker.css").text;
    let pictures = std::env::var_os("AMBIT_PICTURES").map(PathBuf::from);
    for (name, page) in pages {
        // The page as it came, with its style beside it; the wrapper asks how wide it is.
        let said = "<script>addEventListener('load',()=>parent.postMessage(document.documentElement.scrollWidth,'*'))</script>";
        let html = page.text.replace(
            "<link rel=\"stylesheet\" href=\"/broker.css\">",
            &format!("<style>{style}</style>{said}"),
        );
        assert_ne!(html, page.text, "{name}");
        let wrapper = "<body style=\"margin:0\"><iframe src=\"page.html\" style=\"border:0;width:320px;height:2400px\"></iframe>\
            <script>addEventListener('message',e=>{document.title='wide '+e.data})</script>";
        fs::write(folder.path().join("page.html"), html).unwrap();
        fs::write(folder.path().join("small.html"), wrapper).unwrap();
        let run = |page: &str, more: &[String]| {
            let mut command = Command::new(&chromium);
            command.args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
            ]);
            command.arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ));
            command.args(["--virtual-time-budget=3000", "--window-size=700,1800"]);
            command.args(more);
            command.arg(format!("file://{}", folder.path().join(page).display()));
            let run = command.output().unwrap();
            String::from_utf8(run.stdout).unwrap()
        };
        let dom = run("small.html", &["--dump-dom".to_owned()]);
        assert!(dom.contains("<title>wide 320</title>"), "{name}: {dom}");
        if let Some(pictures) = &pictures {
            let picture = |kind: &str| {
                format!(
                    "--screenshot={}",
                    pictures.join(format!("{name}-{kind}.png")).display()
                )
            };
            run("page.html", &[picture("light")]);
            run("small.html", &[picture("small")]);
            run(
                "page.html",
                &[
                    picture("dark"),
                    "--force-dark-mode".to_owned(),
                    "--blink-settings=preferredColorScheme=0".to_owned(),
                ],
            );
        }
    }
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("chromium"));
    found.find(|path| path.is_file())
}
