//! The scenes of `cargo xtask demo`: every answer is the one that its file expects.

use ambit_tests::project::guest;
use ambit_tests::scene::{Event, read_all};

#[test]
fn every_scene_plays_as_written() {
    let guest = guest().unwrap_or_else(|why| panic!("{why}"));
    let scenes = read_all().unwrap_or_else(|why| panic!("{why}"));
    assert!(scenes.len() >= 3, "a scene is missing");
    for scene in scenes {
        let mut faults = Vec::new();
        let played = scene.play(&guest, &mut |event| {
            if let Event::Answer {
                say,
                fault: Some(fault),
                ..
            } = event
            {
                faults.push(format!("{say}: {fault}"));
            }
        });
        let (passed, _) = played.unwrap_or_else(|why| panic!("{why}"));
        assert!(
            faults.is_empty() && passed > 0,
            "{}: {faults:#?}",
            scene.title
        );
    }
}
