//! Plots of how decision time grows with the number of policies, as SVG.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Engine, way of measuring, name in the plot, colour. Colours are told apart by people who cannot
/// tell red from green, and on light and dark ground (Okabe and Ito).
const SERIES: [(&str, &str, &str, &str); 6] = [
    (
        "native",
        "request parsed before",
        "Ambit, native, request parsed before",
        "#56b4e9",
    ),
    ("native", "parsing counted", "Ambit, native", "#0072b2"),
    ("wasmtime", "parsing counted", "Ambit, wasmtime", "#009e73"),
    ("node", "parsing counted", "Ambit, Node", "#cc79a7"),
    (
        "cedar-policy",
        "parsing counted",
        "cedar-policy crate, native",
        "#e69f00",
    ),
    (
        "cedar-wasm",
        "statefulIsAuthorized",
        "cedar-wasm, Node",
        "#d55e00",
    ),
];
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 470.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 360.0;
/// Decades of the axes: policies, and nanoseconds.
const SIZES: (f64, f64) = (1.0, 4.0);
const TIMES: (f64, f64) = (2.0, 8.0);

/// Writes `FAMILY.svg` for every family of the results.
pub(crate) fn write(results: &[Value], folder: &Path) -> Result<(), String> {
    for family in ["scoped", "typed", "unscoped"] {
        let rows: Vec<&Value> = results
            .iter()
            .filter(|row| row["family"] == family)
            .collect();
        let file = folder.join(format!("{family}.svg"));
        fs::write(&file, plot(family, &rows))
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn x(size: f64) -> f64 {
    LEFT + (size.log10() - SIZES.0) / (SIZES.1 - SIZES.0) * (RIGHT - LEFT)
}

fn y(nanoseconds: f64) -> f64 {
    BOTTOM - (nanoseconds.log10() - TIMES.0) / (TIMES.1 - TIMES.0) * (BOTTOM - TOP)
}

fn plot(family: &str, rows: &[&Value]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>text{{fill:#222}}.axis{{stroke:#999}}.ground{{fill:#fff}}\
         @media(prefers-color-scheme:dark){{text{{fill:#ddd}}.axis{{stroke:#555}}.ground{{fill:#161616}}}}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"16\">Time of one decision, {family} policies</text>\n"
    );
    axes(&mut svg);
    let mut label = TOP + 10.0;
    for (engine, how, name, colour) in SERIES {
        let mut points: Vec<(f64, f64)> = rows
            .iter()
            .filter(|row| row["engine"] == engine && row["how"] == how)
            .filter_map(|row| Some((row["size"].as_f64()?, row["median"].as_f64()?)))
            .collect();
        points.sort_by(|left, right| left.0.total_cmp(&right.0));
        if points.is_empty() {
            continue;
        }
        series(&mut svg, &points, colour);
        put(
            &mut svg,
            format_args!(
                "<rect x=\"{}\" y=\"{}\" width=\"14\" height=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{name}</text>",
                RIGHT + 22.0,
                label - 6.0,
                RIGHT + 42.0,
                label
            ),
        );
        label += 22.0;
    }
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String) {
    for (power, name) in [
        (2, "100 ns"),
        (3, "1 µs"),
        (4, "10 µs"),
        (5, "100 µs"),
        (6, "1 ms"),
        (7, "10 ms"),
        (8, "100 ms"),
    ] {
        let at = y(10_f64.powi(power));
        put(
            svg,
            format_args!(
                "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke-width=\"0.6\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
                LEFT - 8.0,
                at + 4.0
            ),
        );
    }
    for (size, name) in [
        (10.0, "10"),
        (100.0, "100"),
        (1000.0, "1,000"),
        (10_000.0, "10,000"),
    ] {
        let at = x(size);
        put(
            svg,
            format_args!(
                "<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\" stroke-width=\"0.6\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
                BOTTOM + 20.0
            ),
        );
    }
    put(
        svg,
        format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">policies</text>",
            f64::midpoint(LEFT, RIGHT),
            BOTTOM + 42.0
        ),
    );
}

fn series(svg: &mut String, points: &[(f64, f64)], colour: &str) {
    let line: Vec<String> = points
        .iter()
        .map(|(size, time)| format!("{:.1},{:.1}", x(*size), y(*time)))
        .collect();
    let line = line.join(" ");
    put(
        svg,
        format_args!(
            "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.2\"/>"
        ),
    );
    for (size, time) in points {
        let (x, y) = (x(*size), y(*time));
        put(
            svg,
            format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.4\" fill=\"{colour}\"/>"),
        );
    }
}

/// Writing into a string cannot fail.
fn put(svg: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(svg, "{line}");
}
