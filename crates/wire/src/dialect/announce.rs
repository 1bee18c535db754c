//! Which version a server speaks, told before anything else of it can be understood.

use serde::Deserialize;

use crate::frame::RawMessage;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Introduction {
    server_info: Versions,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Versions {
    protocol_version_major: Option<u32>,
    protocol_version_minor: Option<u32>,
    message_version: Option<u32>,
}

pub(super) fn announced(message: RawMessage<'_>) -> Option<(u32, u32)> {
    let Introduction { server_info: versions } = serde_json::from_str(message.0.get()).ok()?;
    let major = versions.protocol_version_major.or(versions.message_version)?;
    Some((major, versions.protocol_version_minor.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;

    fn version(text: &str) -> Option<(u32, u32)> {
        frame::split(text).expect("a frame").into_iter().find_map(announced)
    }

    #[test]
    fn every_form_of_server_info_names_its_version() {
        for (fields, expected) in [
            (r#""MessageVersion": 3, "MaxPingTime": 0"#, (3, 0)),
            (r#""MajorVersion": 0, "MinorVersion": 0, "BuildVersion": 0, "MessageVersion": 0"#, (0, 0)),
            (r#""ProtocolVersionMajor": 4, "ProtocolVersionMinor": 2"#, (4, 2)),
            (r#""ProtocolVersionMajor": 5"#, (5, 0)),
        ] {
            let text = format!(r#"[{{"Ok": {{"Id": 7}}}}, {{"ServerInfo": {{"Id": 1, {fields}}}}}]"#);
            assert_eq!(version(&text), Some(expected), "{fields}");
        }
    }

    #[test]
    fn other_messages_name_no_version() {
        for text in ["[]", "[1]", r#"[{"Ok": {"Id": 1}}]"#, r#"[{"ServerInfo": {"Id": 1}}]"#] {
            assert_eq!(version(text), None, "{text}");
        }
    }
}
