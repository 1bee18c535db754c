//! Whether a device numbers its reports, as its report descriptor tells.

/// Whether some report has a number: an item `Report ID` (HID 1.11, 6.2.2.7) occurs in the descriptor.
pub(super) fn is_numbered(descriptor: &[u8]) -> bool {
    let mut rest = descriptor;
    while let Some((&prefix, after)) = rest.split_first() {
        if prefix & 0xFC == 0x84 {
            return true;
        }
        let length = match prefix {
            // A long item: its length, its tag, its data.
            0xFE => after.first().map_or(0, |length| usize::from(*length) + 2),
            _ => usize::from([0_u8, 1, 2, 4].get(usize::from(prefix & 3)).copied().unwrap_or(0)),
        };
        rest = after.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a mouse's descriptor: usage page, usage, collection, and then what follows.
    fn with(item: &[u8]) -> Vec<u8> {
        [&[0x05, 0x01, 0x09, 0x02, 0xA1, 0x01][..], item, &[0xC0]].concat()
    }

    #[test]
    fn a_report_id_anywhere_means_numbered_reports() {
        assert!(is_numbered(&with(&[0x85, 0x01])));
        assert!(!is_numbered(&with(&[0x75, 0x08, 0x95, 0x40])));
    }

    #[test]
    fn data_that_looks_like_a_report_id_is_none() {
        assert!(!is_numbered(&with(&[0x26, 0x85, 0x01])));
        assert!(!is_numbered(&with(&[0xFE, 0x02, 0x10, 0x85, 0x01])));
    }

    #[test]
    fn a_descriptor_that_is_cut_off_ends_there() {
        assert!(!is_numbered(&[]));
        assert!(!is_numbered(&[0xFE]));
        assert!(!is_numbered(&[0x27, 0x85]));
    }
}
