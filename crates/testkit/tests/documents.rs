//! The documents name what is there: links, their anchors, files, modules and names of the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder that end like this.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !name.starts_with("target") && name != "node_modules" {
            found.append(&mut files(&path, end));
        } else if name.ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// A document without what stands between fences.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What headings are linked by: their text in lower case, without punctuation, with hyphens for spaces.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings =
        prose.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| -> String {
        let kept = heading.chars().filter(|one| one.is_alphanumeric() || " -_".contains(*one));
        kept.map(|one| if one == ' ' { '-' } else { one.to_ascii_lowercase() }).collect()
    };
    headings.map(anchor).collect()
}

/// Where the links of a document lead.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// What stands between backticks.
fn words(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut checked = 0;
    for file in files(&root(), ".md") {
        let text = read(&file);
        for link in links(&text).iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = file.parent().expect("a file is in a folder");
            let target = if path.is_empty() { file.clone() } else { folder.join(path) };
            assert!(target.exists(), "{}: there is no {link}", file.display());
            if !anchor.is_empty() {
                assert!(
                    anchors(&read(&target)).contains(anchor),
                    "{}: no heading for {link}",
                    file.display()
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "links were not found: {checked}");
}

#[test]
fn every_document_is_reached_from_the_readme() {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![root().join("README.md").canonicalize().expect("it is there")];
    while let Some(file) = waiting.pop() {
        if file.extension().is_none_or(|end| end != "md") || !reached.insert(file.clone()) {
            continue;
        }
        for link in links(&read(&file)) {
            let path = link.split('#').next().unwrap_or_default();
            let target = file.parent().expect("a file is in a folder").join(path);
            waiting.extend(target.canonicalize().ok());
        }
    }
    for file in files(&root().join("docs"), ".md") {
        let file = file.canonicalize().expect("it is there");
        assert!(reached.contains(&file), "no way leads from the README to {}", file.display());
    }
}

#[test]
fn the_catalogue_is_counted_alike_everywhere() {
    let page = read(&root().join("docs/catalogue.md"));
    let counted = page.lines().find_map(|line| line.strip_prefix("There are ")?.split(';').next());
    let counted = counted.expect("the page says how many there are");
    for document in ["README.md", "CHANGELOG.md"] {
        assert!(read(&root().join(document)).contains(counted), "{document} does not say: {counted}");
    }
}

/// The files that a path of ARCHITECTURE.md stands for. It may be below `crates/`; `{a,b}` are several, `vN` is any spec version, and a `*` in
/// a file's name is anything.
fn resolve(path: &str) -> Vec<PathBuf> {
    if let Some((before, rest)) = path.split_once('{') {
        let (inner, after) = rest.split_once('}').expect("a closing brace");
        return inner.split(',').flat_map(|one| resolve(&format!("{before}{one}{after}"))).collect();
    }
    let path = path.replace("vN", "v4");
    let found: Vec<_> =
        [root(), root().join("crates")].iter().map(|base| base.join(&path)).flat_map(expand).collect();
    assert!(!found.is_empty(), "ARCHITECTURE.md: there is no {path}");
    found
}

fn expand(path: PathBuf) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((begin, end)) = name.split_once('*') else {
        return if path.exists() { vec![path] } else { Vec::new() };
    };
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let fits = |entry: &fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with(begin) && name.ends_with(end)
    };
    entries.filter(fits).map(|entry| entry.path()).collect()
}

fn is_path(word: &str) -> bool {
    let known = |one: char| one.is_ascii_alphanumeric() || "/._-{},*".contains(one);
    word.contains('/') && !word.starts_with(['/', '.']) && word.chars().all(known)
}

#[test]
fn every_path_of_the_map_is_there() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let prose = prose(&text);
    let paths: Vec<_> = words(&prose).into_iter().filter(|word| is_path(word)).collect();
    assert!(paths.len() > 50, "paths were not found");
    paths.into_iter().for_each(|path| drop(resolve(path)));
}

#[test]
fn what_the_map_names_behind_a_path_is_in_it() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let mut checked = 0;
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let mut places = Vec::new();
        for word in words(row) {
            if is_path(word) {
                places = resolve(word);
            } else if !places.is_empty() && word.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
            {
                let is_there = |place: &PathBuf| match place.is_dir() {
                    true => place.join(word).is_dir() || place.join(format!("{word}.rs")).is_file(),
                    false => read(place).contains(word),
                };
                assert!(places.iter().any(is_there), "ARCHITECTURE.md: no {word} in {places:?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "names were not found: {checked}");
}

#[test]
fn every_name_of_the_map_is_one_of_the_code() {
    let sources: Vec<_> = files(&root().join("crates"), ".rs").iter().map(|file| read(file)).collect();
    let code: BTreeSet<&str> = sources
        .iter()
        .flat_map(|text| text.split(|one: char| !one.is_alphanumeric() && one != '_'))
        .collect();
    let text = read(&root().join("ARCHITECTURE.md"));
    let prose = prose(&text);
    let names: Vec<_> = words(&prose).into_iter().filter(|word| word.contains("::")).collect();
    assert!(names.len() > 5, "names were not found");
    for name in names {
        for part in name.split("::") {
            assert!(code.contains(part), "ARCHITECTURE.md: nothing in the code is called {part} ({name})");
        }
    }
}

#[test]
fn every_document_that_the_code_names_is_there() {
    for file in files(&root().join("crates"), ".rs").into_iter().chain(files(&root().join("crates"), ".toml"))
    {
        for rest in read(&file).split("docs/").skip(1) {
            let end = rest.find(|one: char| !one.is_ascii_alphanumeric() && !"-/.".contains(one));
            let name = end.and_then(|end| rest.get(..end)).unwrap_or(rest).trim_end_matches('.');
            let named = Path::new(name).extension().is_some();
            assert!(
                !named || root().join("docs").join(name).exists(),
                "{}: there is no docs/{name}",
                file.display()
            );
        }
    }
}
