//! Messages that several spec versions share as they are.

use serde::{Deserialize, Serialize};

use super::Dialect;
use super::fields::{Int, objects};
use crate::frame::Refusal;
use crate::model::{self, ErrorCode, Event, Fault, Id, Message, Reply};

objects! {
    /// A request with nothing but its id (`wire.md` 4.2).
    struct Plain {
        id: Int<Id>,
    }
}

/// An answer or event with nothing but its id (`wire.md` 4.2).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Bare {
    pub(super) id: Int<u32>,
}

/// `Error` of all versions (`wire.md` 1.6).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ErrorBody {
    pub(super) id: Int<u32>,
    pub(super) error_code: Int<u32>,
    pub(super) error_message: String,
}

impl ErrorBody {
    pub(super) fn new(id: u32, fault: &Fault) -> Self {
        Self {
            id: Int(id),
            error_code: Int(u32::from(fault.code.number())),
            error_message: fault.message.clone(),
        }
    }

    pub(super) fn message(self) -> Message {
        let fault = Fault::new(ErrorCode::from_number(self.error_code.0), self.error_message);
        match Id::new(self.id.0) {
            Some(id) => Message::Reply(id, Reply::Error(fault)),
            None => Message::Event(Event::Error(fault)),
        }
    }
}

/// The id of an answer, which is never 0.
pub(super) fn answered(id: Int<u32>) -> Result<Id, Refusal> {
    Id::new(id.0).ok_or_else(|| Refusal {
        id: None,
        fault: Fault::new(ErrorCode::Message, "an answer has id 0, expected the id of a request"),
    })
}

/// Checks what version a server says it speaks.
pub(super) fn same_version(id: Int<u32>, said: Int<u32>, dialect: Dialect) -> Result<Id, Refusal> {
    let id = answered(id)?;
    if said.0 == dialect.number() {
        Ok(id)
    } else {
        let text = format!("the server answers for protocol version {}, not {}", said.0, dialect.number());
        Err(Refusal { id: Some(id), fault: Fault::new(ErrorCode::Init, text) })
    }
}

/// A value that every strict client takes for a reading of this kind (`wire.md` 4.10).
pub(super) fn reading_value(reading: &model::Reading) -> i64 {
    let range = match reading.kind {
        model::InputKind::Battery => model::Range::new(0, 100),
        model::InputKind::Rssi => model::Range::new(i64::from(i8::MIN), i64::from(i8::MAX)),
        model::InputKind::Pressure => model::Range::new(0, i64::from(u32::MAX)),
        model::InputKind::Button => model::Range::new(0, 1),
    };
    range.clamp(reading.value)
}
