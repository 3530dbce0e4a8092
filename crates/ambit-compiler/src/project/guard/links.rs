//! `policies/*.toml`: templates with their slots filled.

use core::ops::Range;
use std::collections::HashMap;
use std::path::Path;

use cedar_policy::{EntityUid, PolicyId, SlotId};

use super::super::{file, files};
use super::{Sheet, words};
use crate::diagnostics::Sink;
use crate::reader::{File, Reader, Text};
use crate::suggest;

/// One `[[links]]`.
pub(super) struct Link {
    file: String,
    template: String,
    template_span: Range<usize>,
    id: String,
    id_span: Range<usize>,
    slots: HashMap<SlotId, EntityUid>,
}

/// The links of a file.
pub(super) fn read(dir: &Path, name: &str, sink: &Sink) -> Vec<Link> {
    const FORM: &str = "[[links]]";
    let Some(text) = files::text(dir, name, sink) else {
        return Vec::new();
    };
    let file = file(name, sink);
    let Some(document) = file.parse(&text) else {
        return Vec::new();
    };
    let mut reader = Reader::new(file, document.get_ref(), "a file of links", 0..0);
    let links = reader.require("links", FORM);
    let tables = links.and_then(|links| {
        let tables = file.tables(links, "links", FORM)?;
        if tables.is_empty() {
            let help = "write a `[[links]]`, or remove the file";
            file.error(
                "project.value",
                links.span(),
                "`links` is an empty list",
                help,
            );
        }
        Some(tables)
    });
    let mut found = Vec::new();
    for (table, span) in tables.into_iter().flatten() {
        let mut link = Reader::new(file, table, "`[[links]]`", span);
        let template = link.required_string("template", "template = \"limit\"");
        let id = link.required_string("id", "id = \"limit-for-buyers\"");
        let mut slots = HashMap::new();
        for (key, slot) in [
            ("principal", SlotId::principal()),
            ("resource", SlotId::resource()),
        ] {
            let value = link.get(key);
            let text = value.and_then(|value| file.string(value, key, EXAMPLE));
            if let Some(uid) = text.and_then(|text| entity(file, &text)) {
                slots.insert(slot, uid);
            }
        }
        link.finish();
        if let (Some(template), Some(id)) = (template, id) {
            found.push(Link {
                file: name.to_owned(),
                template: template.text.to_owned(),
                template_span: template.span,
                id: id.text.to_owned(),
                id_span: id.span,
                slots,
            });
        }
    }
    reader.finish();
    found
}

const EXAMPLE: &str = "principal = 'Ambit::AgentClass::\"buyer\"'";

fn entity(file: File<'_>, text: &Text<'_>) -> Option<EntityUid> {
    let uid = text.text.parse().ok();
    if uid.is_none() {
        file.error(
            "project.link",
            text.span.clone(),
            format!("`{}` is not an entity as policies write it", text.text),
            format!("write for example `{EXAMPLE}`"),
        );
    }
    uid
}

/// Links every template where it stands.
pub(super) fn apply(links: Vec<Link>, sheets: &mut [Sheet], sink: &Sink) {
    for link in links {
        let file = file(&link.file, sink);
        let place = sheets.iter_mut().find_map(|sheet| {
            let mut templates = sheet.set.templates();
            let found = templates
                .find(|template| template.annotation("id") == Some(&link.template))
                .map(|template| template.id().clone());
            drop(templates);
            found.map(|id| (sheet, id))
        });
        let Some((sheet, template)) = place else {
            let known: Vec<String> = sheets
                .iter()
                .flat_map(|sheet| sheet.set.templates())
                .filter_map(|template| template.annotation("id").map(str::to_owned))
                .collect();
            file.error(
                "project.link",
                link.template_span,
                format!("no template has the `@id` `{}`", link.template),
                if known.is_empty() {
                    "write the template in `policies/`, with `@id(\"…\")` before it".to_owned()
                } else {
                    suggest::help(&link.template, known.iter().map(String::as_str))
                },
            );
            continue;
        };
        let linked = sheet
            .set
            .link(template, PolicyId::new(&link.id), link.slots);
        if let Err(error) = linked {
            file.error(
                "project.link",
                link.id_span,
                words(&error),
                "fill exactly the slots that the template has, and give each link its own `id`",
            );
        }
    }
}
