//! From TOML and the environment to a [`Config`], with every problem in its place.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::variables::OF_COMMANDS;
use super::{Config, check};
use crate::table::problem::{Place, Problems, Text, nearest, saturate};

/// The environment variables that begin with `CROUPIER_`, as name and value.
pub type Environment = Vec<(String, String)>;

const PREFIX: &str = "CROUPIER_";

/// Reads a config file's text. `name` is its path: problems show it, and the paths in the file
/// are relative to its directory. Environment variables win over the file.
///
/// With errors in `problems` what is given is only good for further checks. None if not even
/// for that.
pub fn read(name: &str, text: &str, environment: &Environment, problems: &mut Problems) -> Option<Config> {
    let file = problems.file(name);
    let config = document(&Text::new(file, text), environment, problems);
    problems.excerpts(file, text.as_bytes());
    let mut config = config?;
    config.rebase(Path::new(name).parent().unwrap_or(Path::new("")));
    Some(config)
}

fn document(text: &Text<'_>, environment: &Environment, problems: &mut Problems) -> Option<Config> {
    let (parsed, errors) = DeTable::parse_recoverable(text.text);
    for error in &errors {
        let span = error.span().unwrap_or_default();
        let problem = problems.error(text.place(&narrow(&span)), format!("not TOML: {}", error.message()));
        if error.message().contains("invalid basic string") {
            problem.help("write `\"` at the end of the text, on its line");
        }
    }
    if !errors.is_empty() {
        return None;
    }
    let mut document = Document {
        text,
        spans: HashMap::new(),
        settings: HashMap::new(),
        root: Table::new(),
        variables: HashMap::new(),
        problems,
    };
    document.root = document.table(parsed.get_ref(), "");
    document.overlay(environment);
    document.config()
}

struct Document<'d> {
    text: &'d Text<'d>,
    /// Where each key stands, by its dotted path.
    spans: HashMap<String, Range<u32>>,
    /// The same with its value.
    settings: HashMap<String, Range<u32>>,
    root: Table,
    /// Which environment variable gave a key its value.
    variables: HashMap<String, String>,
    problems: &'d mut Problems,
}

impl Document<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Table {
        let mut plain = Table::new();
        for (key, value) in table {
            let key_path = join(path, key.get_ref());
            self.spans.insert(key_path.clone(), narrow(&key.span()));
            if !matches!(value.get_ref(), DeValue::Table(_)) {
                self.settings.insert(key_path.clone(), narrow(&(key.span().start..value.span().end)));
            }
            plain.insert(key.get_ref().to_string(), self.value(value.get_ref(), &key_path));
        }
        plain
    }

    fn value(&mut self, value: &DeValue<'_>, path: &str) -> Value {
        match value {
            DeValue::Table(table) => Value::Table(self.table(table, path)),
            DeValue::Array(items) => {
                let item = |(index, item): (usize, &toml::Spanned<DeValue<'_>>)| {
                    let item_path = join(path, &index.to_string());
                    self.spans.insert(item_path.clone(), narrow(&item.span()));
                    self.value(item.get_ref(), &item_path)
                };
                Value::Array(items.iter().enumerate().map(item).collect())
            }
            DeValue::String(string) => Value::String(string.to_string()),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(datetime) => Value::Datetime(*datetime),
            DeValue::Integer(integer) => {
                let parsed = i64::from_str_radix(integer.as_str(), integer.radix());
                parsed.map_or_else(|_| Value::String(integer.to_string()), Value::Integer)
            }
            DeValue::Float(float) => float.as_str().parse().map_or(Value::Float(f64::NAN), Value::Float),
        }
    }

    /// Puts environment variables over what the file says. Where the key is no string, the value
    /// is read as TOML.
    fn overlay(&mut self, environment: &Environment) {
        let known = known_keys();
        for (name, value) in environment.iter().filter(|(name, _)| !OF_COMMANDS.contains(&name.as_str())) {
            let Some(path) = name.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else { continue };
            let found = known.iter().find(|(section, key, _)| format!("{section}_{key}") == path);
            let Some((section, key, example)) = found else {
                let place = Place::whole_file(self.text.file);
                let problem = self.problems.warning(place, format!("the environment's `{name}` is not a setting"));
                let settings = known.iter().map(|(section, key, _)| format!("{section}_{key}"));
                let of_commands = OF_COMMANDS.iter().filter_map(|name| name.strip_prefix(PREFIX));
                let names: Vec<String> = settings.chain(of_commands.map(str::to_ascii_lowercase)).collect();
                if let Some(near) = nearest(&path, names.iter().map(String::as_str)) {
                    problem.help(format!("did you mean `{PREFIX}{}`?", near.to_ascii_uppercase()));
                }
                continue;
            };
            let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("v"));
            let parsed = parsed.filter(|_| !example.is_str()).unwrap_or_else(|| Value::String(value.clone()));
            let values = self.root.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Some(values) = values.as_table_mut() {
                values.insert(key.clone(), parsed);
                self.variables.insert(format!("{section}.{key}"), name.clone());
            }
        }
    }

    /// Reads each section by itself, so that one's error does not hide another's.
    fn config(&mut self) -> Option<Config> {
        let (table, tls, clients) = (self.section("table"), self.section("tls"), self.section("clients"));
        let optional = (
            self.section("listen").unwrap_or_default(),
            self.section("guards").unwrap_or_default(),
            self.section("limits").unwrap_or_default(),
            self.section("connections").unwrap_or_default(),
            self.section("proxy").unwrap_or_default(),
            self.section("drain").unwrap_or_default(),
            self.section("health").unwrap_or_default(),
            self.section("log").unwrap_or_default(),
        );
        self.unknown_sections();
        let (listen, guards, limits, connections, proxy, drain, health, log) = optional;
        let (table, tls, clients) = (table?, tls?, clients?);
        let config = Config { listen, table, tls, clients, guards, limits, connections, proxy, drain, health, log };
        for (key, message) in check::errors(&config) {
            self.wrong(key, &message);
        }
        Some(config)
    }

    /// An error at a key, or at the environment variable that it came from.
    fn wrong(&mut self, path: &str, message: &str) {
        let error = match self.variables.get(path) {
            Some(variable) => (Place::whole_file(self.text.file), format!("the environment's `{variable}`: {message}")),
            None => {
                let place = self.settings.get(path).map_or_else(|| self.place(path), |span| self.text.place(span));
                (place, format!("`{path}`: {message}"))
            }
        };
        self.problems.error(error.0, error.1);
    }

    /// serde stops at the first wrong value; without it, it goes on to the next.
    fn section<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let mut values = match self.root.remove(name) {
            None => Table::new(),
            Some(Value::Table(values)) => values,
            Some(_) => {
                let place = self.place(name);
                self.problems.error(place, format!("`{name}` is a section: write [{name}] and its keys below"));
                return None;
            }
        };
        let mut all_good = true;
        loop {
            let mut unknown = Vec::new();
            let mut track = serde_path_to_error::Track::new();
            let deserializer = serde_path_to_error::Deserializer::new(Value::Table(values.clone()), &mut track);
            let read = serde_ignored::deserialize(deserializer, |path| unknown.push(path.to_string()));
            let error: toml::de::Error = match read {
                Ok(section) => {
                    self.unknown(name, &unknown);
                    return all_good.then_some(section);
                }
                Err(error) => error,
            };
            let path = track.path().to_string().replace('[', ".").replace(']', "");
            let wrong_value = values.remove(path.split('.').next().unwrap_or_default());
            if wrong_value.is_some() {
                self.wrong(&join(name, &path), error.message());
            } else if all_good {
                // After a wrong value was taken away, what is missing was not missing before.
                self.wrong(name, error.message());
            }
            all_good = false;
            if wrong_value.is_none() {
                self.unknown(name, &unknown);
                return None;
            }
        }
    }

    fn unknown(&mut self, section: &str, keys: &[String]) {
        for key in keys {
            self.unknown_key(section, key);
        }
    }

    fn unknown_key(&mut self, section: &str, key: &str) {
        let place = self.place(&join(section, key));
        let last = key.rsplit('.').next().unwrap_or(key);
        let problem = self.problems.error(place, format!("unknown key `{last}` in [{section}]"));
        let known = known_keys();
        let own = known.iter().filter(|(of, _, _)| of == section).map(|(_, key, _)| key.as_str());
        let keys: Vec<&str> = match (section, key.starts_with("allow.")) {
            ("clients", true) => vec!["issuer", "role", "san", "crl"],
            ("clients", false) => own.chain(["ca", "crls", "allow"]).collect(),
            ("proxy", _) => own.chain(["trusted"]).collect(),
            _ => own.collect(),
        };
        if let Some(near) = nearest(last, keys) {
            problem.help(format!("did you mean `{near}`?"));
        }
    }

    fn unknown_sections(&mut self) {
        let names: Vec<String> = self.root.keys().cloned().collect();
        for name in names {
            let place = self.place(&name);
            let sections = [
                "listen",
                "table",
                "tls",
                "clients",
                "guards",
                "limits",
                "connections",
                "proxy",
                "drain",
                "health",
                "log",
            ];
            let problem = self.problems.error(place, format!("unknown section `{name}`"));
            match nearest(&name, sections) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("the sections are {}", sections.join(", "))),
            };
        }
    }

    /// The place of a key, or of the nearest thing around it that stands in the file.
    fn place(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(span) = self.spans.get(path) {
                return self.text.place(span);
            }
            match path.rsplit_once('.') {
                Some((around, _)) => path = around,
                None => return Place::whole_file(self.text.file),
            }
        }
    }
}

/// Section, name and a value of every scalar key, from a configuration in which each is set.
fn known_keys() -> Vec<(String, String, Value)> {
    let mut full = Config::development(Path::new(""));
    full.table.overrides = Some("overrides.json".into());
    full.guards.traffic = Some("traffic.csv".into());
    let Ok(sections) = Table::try_from(full) else { return Vec::new() };
    let keys = |(section, value): (String, Value)| {
        let Value::Table(table) = value else { return Vec::new() };
        let scalar = |(key, value): (String, Value)| (!value.is_array()).then(|| (section.clone(), key, value));
        table.into_iter().filter_map(scalar).collect()
    };
    sections.into_iter().flat_map(keys).collect()
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn narrow(span: &Range<usize>) -> Range<u32> {
    saturate(span.start)..saturate(span.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
[table]
source = "table.json"
[tls]
certificate = "server.pem"
key = "server.key"
[clients]
ca = ["root.pem"]
[[clients.allow]]
issuer = "ca.pem"
role = "lookup"
"#;

    fn problems_of(text: &str, environment: &[(&str, &str)]) -> (Option<Config>, Vec<String>) {
        let mut problems = Problems::new();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let config = read("etc/croupier.toml", text, &environment, &mut problems);
        (config, problems.shown().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_minimal_file_gets_the_defaults_and_its_own_directory() {
        let (config, problems) = problems_of(MINIMAL, &[]);
        let config = config.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(config.table.source, "etc/table.json");
        assert_eq!(config.clients.allow[0].issuer, Path::new("etc/ca.pem"));
        assert_eq!(config.limits, super::super::Limits::default());
    }

    #[test]
    fn every_problem_is_told_in_its_place() {
        let text = format!("{MINIMAL}san_ = 1\n[limit]\nheader = 1\n[drain]\nwait = -1\n[listen]\nlookup = \"here\"\n");
        let (_, problems) = problems_of(&text, &[]);
        for (part, place) in [
            ("unknown key `san_`", "toml:12:1"),
            ("unknown section `limit`", "toml:13:2"),
            ("-1 is not a number of seconds", "toml:16:1"),
            ("invalid socket address", "toml:18:1"),
        ] {
            assert!(problems.iter().any(|p| p.contains(part) && p.contains(place)), "{part}: {problems:#?}");
        }
    }

    #[test]
    fn the_environment_wins_and_its_slips_are_told() {
        let environment =
            [("CROUPIER_DRAIN_WAIT", "0.5"), ("CROUPIER_LISTEN_LOOKUP", "[::1]:1"), ("CROUPIER_DRAIN_WAITS", "1")];
        let (config, problems) = problems_of(MINIMAL, &environment);
        let config = config.unwrap();
        assert_eq!(config.drain.wait.duration().as_millis(), 500);
        assert_eq!(config.listen.lookup.to_string(), "[::1]:1");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("did you mean `CROUPIER_DRAIN_WAIT`?"), "{problems:?}");
    }

    #[test]
    fn what_the_commands_take_from_the_environment_is_no_slip() {
        let (config, problems) = problems_of(MINIMAL, &OF_COMMANDS.map(|name| (name, "x")));
        assert_eq!((config, problems), problems_of(MINIMAL, &[]));
        let (_, problems) = problems_of(MINIMAL, &[("CROUPIER_ADMIN_CERTFICATE", "x")]);
        assert!(problems[0].contains("did you mean `CROUPIER_ADMIN_CERTIFICATE`?"), "{problems:?}");
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let config = Config::development(Path::new("/srv"));
        let printed = toml::to_string(&config).unwrap();
        let (again, problems) = problems_of(&printed, &[]);
        assert_eq!(again, Some(config), "{problems:?}");
    }

    #[test]
    fn the_shipped_example_shows_the_defaults() {
        let example = include_str!("../../deploy/croupier.toml");
        let (plain, problems) = problems_of(example, &[]);
        assert!(problems.is_empty(), "{problems:?}");
        // Every commented-out `key = value` line, taken as written, changes nothing.
        let uncommented: String = example
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")).unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        let (shown, problems) = problems_of(&uncommented, &[]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(plain, shown);
        for (section, key, _) in known_keys() {
            let optional = ["listen.admin", "table.overrides", "table.state", "guards.traffic"];
            let path = format!("{section}.{key}");
            assert!(
                optional.contains(&path.as_str()) || uncommented.contains(&format!("\n{key} ")),
                "{path} is not in the example"
            );
        }
    }
}
