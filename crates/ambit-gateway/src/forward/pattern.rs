//! Paths of routes: `/orders/{order}/lines`, `/files/{path:path}`.

use std::cmp::Ordering;

use super::target::{Target, folded};

/// A path with names for its parts.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: String,
    parts: Vec<Part>,
    slash: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// A segment that is this text.
    Literal(String),
    /// Any one segment.
    One(String),
    /// One segment or more, to the end.
    Rest(String),
}

impl Part {
    /// How much a part says of a path.
    const fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 2,
            Self::One(_) => 1,
            Self::Rest(_) => 0,
        }
    }
}

impl Pattern {
    /// Reads one. An error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix('/')
            .ok_or("a path begins with `/`")?
            .to_owned();
        let slash = rest.is_empty() || rest.ends_with('/');
        let rest = rest.strip_suffix('/').unwrap_or(&rest);
        let mut parts = Vec::new();
        if text != "/" {
            for segment in rest.split('/') {
                if matches!(parts.last(), Some(Part::Rest(_))) {
                    return Err(
                        "`{name:path}` takes the rest of the path, so it stands last".into(),
                    );
                }
                parts.push(part(segment)?);
            }
        }
        if slash && matches!(parts.last(), Some(Part::Rest(_))) {
            return Err(
                "`{name:path}` takes the rest of the path, a slash at its end included".into(),
            );
        }
        let pattern = Self {
            text: text.to_owned(),
            parts,
            slash,
        };
        let mut names = pattern.names().collect::<Vec<_>>();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("the name `{}` stands twice in the path", pair[0])),
            None => Ok(pattern),
        }
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The names of its parts.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::One(name) | Part::Rest(name) => Some(name.as_str()),
        })
    }

    /// What the parts of a path are called, where the path is of this form. The rest of a path has the slash before it.
    pub(super) fn take(&self, target: &Target) -> Option<Vec<(&str, String)>> {
        let mut segments = target.segments.iter();
        let mut found = Vec::new();
        for part in &self.parts {
            let segment = segments.next()?;
            match part {
                Part::Literal(text) if text == segment => {}
                Part::Literal(_) => return None,
                Part::One(name) => found.push((name.as_str(), segment.clone())),
                Part::Rest(name) => {
                    let mut rest = format!("/{segment}");
                    for segment in segments.by_ref() {
                        rest.push('/');
                        rest.push_str(segment);
                    }
                    if target.slash {
                        rest.push('/');
                    }
                    found.push((name.as_str(), rest));
                    return Some(found);
                }
            }
        }
        (segments.next().is_none() && target.slash == self.slash).then_some(found)
    }

    /// Whether a server that ignores case, a slash at the end or what stands behind a dot would take a path for one of
    /// this form, though it is none.
    pub(super) fn is_near(&self, target: &Target) -> bool {
        if self.take(target).is_some() {
            return false;
        }
        let mut segments = target.segments.iter();
        for part in &self.parts {
            let Some(segment) = segments.next() else {
                return false;
            };
            match part {
                Part::Literal(text) if is_like(text, segment) => {}
                Part::Literal(_) => return false,
                Part::One(_) => {}
                Part::Rest(_) => return true,
            }
        }
        segments.next().is_none()
    }

    /// Whether both say the same of every path, whatever they call its parts.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.shape() == other.shape() && self.slash == other.slash
    }

    /// Whether they are the same but for case or a slash at the end.
    pub(super) fn is_nearly_same(&self, other: &Self) -> bool {
        let fold = |(rank, text): (u8, &str)| (rank, folded(text));
        let shape = self.shape().into_iter().map(fold);
        shape.eq(other.shape().into_iter().map(fold))
    }

    fn shape(&self) -> Vec<(u8, &str)> {
        let shape = self.parts.iter().map(|part| match part {
            Part::Literal(text) => (part.rank(), text.as_str()),
            Part::One(_) | Part::Rest(_) => (part.rank(), ""),
        });
        shape.collect()
    }

    /// Which of two says more of the paths that are of both forms, part by part; `None` where neither does, though there
    /// are such paths.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        let (mut less, mut greater) = (false, false);
        let ends = |parts: &[Part]| matches!(parts.last(), Some(Part::Rest(_)));
        let at = |parts: &'_ [Part], at: usize| -> Option<Part> {
            match parts.get(at) {
                None if ends(parts) => parts.last().cloned(),
                part => part.cloned(),
            }
        };
        for index in 0..self.parts.len().max(other.parts.len()) {
            let (Some(mine), Some(theirs)) = (at(&self.parts, index), at(&other.parts, index))
            else {
                return Some(Ordering::Equal);
            };
            if let (Part::Literal(one), Part::Literal(two)) = (&mine, &theirs)
                && one != two
            {
                return Some(Ordering::Equal);
            }
            less |= mine.rank() < theirs.rank();
            greater |= mine.rank() > theirs.rank();
        }
        let is_open = ends(&self.parts) || ends(&other.parts);
        match (less, greater) {
            _ if !is_open && self.slash != other.slash => Some(Ordering::Equal),
            (true, true) => None,
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => Some(Ordering::Equal),
        }
    }

    /// More of a path is said by what is greater.
    pub(super) fn weight(&self) -> Vec<u8> {
        self.parts.iter().map(Part::rank).collect()
    }
}

fn part(segment: &str) -> Result<Part, String> {
    if let Some(name) = segment.strip_prefix('{') {
        let name = name
            .strip_suffix('}')
            .ok_or("a name in a path is a whole segment: `/{name}`")?;
        let (name, is_rest) = match name.strip_suffix(":path") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err("a name in a path is made of letters, digits and `_`".into());
        }
        return Ok(match is_rest {
            true => Part::Rest(name.to_owned()),
            false => Part::One(name.to_owned()),
        });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*,=:@".contains(c);
    if segment.is_empty() || segment.chars().all(|c| c == '.') || !segment.chars().all(plain) {
        return Err(format!(
            "no request has the segment `{segment}`: write it as clients do, without escapes"
        ));
    }
    Ok(Part::Literal(segment.to_owned()))
}

/// Whether a segment could be taken for a text: in other case, or with an ending.
fn is_like(text: &str, segment: &str) -> bool {
    let (text, segment) = (folded(text), folded(segment));
    let rest = segment.strip_prefix(&text);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn paths_are_taken_apart() {
        let take = |text: &str, path: &str| {
            let pattern = pattern(text);
            let found = pattern.take(&Target::read(path).unwrap())?;
            Some(
                found
                    .into_iter()
                    .map(|(_, value)| value)
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(take("/a/{x}", "/a/b"), Some(vec!["b".into()]));
        assert_eq!(take("/a/{x}", "/a/b/"), None);
        assert_eq!(take("/a/{x}/", "/a/b/"), Some(vec!["b".into()]));
        assert_eq!(take("/a/{x}", "/a"), None);
        assert_eq!(take("/a/{x}", "/b/c"), None);
        assert_eq!(
            take("/a/{x:path}", "/a/b/c%20d"),
            Some(vec!["/b/c d".into()])
        );
        assert_eq!(take("/a/{x:path}", "/a/b/"), Some(vec!["/b/".into()]));
        assert_eq!(take("/a/{x:path}", "/a/"), None);
        assert_eq!(take("/", "/"), Some(vec![]));
        assert_eq!(take("/", "/a"), None);
    }

    #[test]
    fn what_a_lax_server_would_take_is_near() {
        for (text, path, near) in [
            ("/admin", "/ADMIN", true),
            ("/admin", "/admin/", true),
            ("/admin/", "/admin", true),
            ("/admin", "/admin.json", true),
            ("/admin", "/admin%20", true),
            ("/ask/{x}", "/A%C5%BF%E2%84%AA/1", true),
            ("/admin/{x:path}", "/Admin/x/y", true),
            ("/admin", "/admin", false),
            ("/admin", "/administer", false),
            ("/admin", "/admin/x", false),
            ("/admin/{x}", "/admin", false),
        ] {
            let target = Target::read(path).unwrap();
            assert_eq!(pattern(text).is_near(&target), near, "{text} {path}");
        }
    }

    #[test]
    fn the_one_that_says_more_counts() {
        for (one, two, order) in [
            ("/a/b", "/a/{x}", Some(Ordering::Greater)),
            ("/a/{x}", "/{y:path}", Some(Ordering::Greater)),
            ("/{y:path}", "/a/b/c", Some(Ordering::Less)),
            ("/a/b", "/a/c", Some(Ordering::Equal)),
            ("/a", "/a/b", Some(Ordering::Equal)),
            ("/a/{x}", "/{x}/b", None),
            ("/{x}/b", "/a/{y:path}", None),
            ("/{x}/b/c", "/a/{y}/d", Some(Ordering::Equal)),
        ] {
            assert_eq!(pattern(one).compare(&pattern(two)), order, "{one} {two}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for wrong in [
            "",
            "a",
            "//",
            "/a//b",
            "/..",
            "/a%20b",
            "/{x",
            "/{}",
            "/{x}y",
            "/{a}/{a}",
            "/{x:path}/b",
            "/{x:path}/",
            "/a;b",
            "/a?b",
            "/{a-b}",
        ] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
