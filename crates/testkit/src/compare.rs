//! Whether a frame has the expected shape.

use serde_json::Value;

/// In an expected frame: any value; as the key of an object: any further fields.
const ANY: &str = "*";

/// Where and how a frame differs from what is expected; `None` if it does not.
pub(crate) fn difference(expected: &Value, found: &Value) -> Option<String> {
    differ(expected, found).map(|(path, what)| if path.is_empty() { what } else { format!("{path}: {what}") })
}

fn differ(expected: &Value, found: &Value) -> Option<(String, String)> {
    let here = |what: String| Some((String::new(), what));
    match (expected, found) {
        (Value::String(any), _) if any == ANY => None,
        (Value::Object(fields), Value::Object(object)) => {
            for (name, value) in fields.iter().filter(|(name, _)| *name != ANY) {
                match object.get(name) {
                    Some(found) => {
                        if let Some((path, what)) = differ(value, found) {
                            return Some((format!(".{name}{path}"), what));
                        }
                    }
                    None => return here(format!("{name} is missing")),
                }
            }
            if fields.contains_key(ANY) {
                return None;
            }
            let extra = object.keys().find(|name| !fields.contains_key(*name))?;
            here(format!("{extra} is too much"))
        }
        (Value::Array(items), Value::Array(array)) => {
            for (at, (expected, found)) in items.iter().zip(array).enumerate() {
                if let Some((path, what)) = differ(expected, found) {
                    return Some((format!("[{at}]{path}"), what));
                }
            }
            if items.len() == array.len() {
                return None;
            }
            here(format!("{} elements, expected {}", array.len(), items.len()))
        }
        // An integer has to be written as one; a fraction may happen to be whole.
        (Value::Number(number), Value::Number(other))
            if number.is_f64() && number.as_f64() == other.as_f64() =>
        {
            None
        }
        _ if expected == found => None,
        _ => here(format!("{found}, expected {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_frames_do_not_differ() {
        let frame = json!([{"Ok": {"Id": 1}}]);
        assert_eq!(difference(&frame, &frame), None);
    }

    #[test]
    fn a_star_stands_for_any_value_and_for_further_fields() {
        let found = json!([{"Error": {"Id": 1, "ErrorCode": 3, "ErrorMessage": "no"}}]);
        assert_eq!(
            difference(&json!([{"Error": {"Id": 1, "ErrorCode": 3, "ErrorMessage": "*"}}]), &found),
            None
        );
        assert_eq!(difference(&json!([{"Error": {"ErrorCode": 3, "*": "*"}}]), &found), None);
    }

    #[test]
    fn the_place_of_a_difference_is_named() {
        let found = json!([{"Ok": {"Id": 2}}]);
        assert_eq!(
            difference(&json!([{"Ok": {"Id": 1}}]), &found).as_deref(),
            Some("[0].Ok.Id: 2, expected 1")
        );
        assert_eq!(difference(&json!([{"Ok": {}}]), &found).as_deref(), Some("[0].Ok: Id is too much"));
        assert_eq!(difference(&json!([{"Error": {}}]), &found).as_deref(), Some("[0]: Error is missing"));
        assert_eq!(difference(&json!([]), &found).as_deref(), Some("1 elements, expected 0"));
    }

    #[test]
    fn an_integer_has_to_be_an_integer() {
        assert_eq!(difference(&json!(1), &json!(1.0)).as_deref(), Some("1.0, expected 1"));
        assert_eq!(difference(&json!(1.0), &json!(1)), None);
        assert_eq!(difference(&json!(0.87), &json!(0.87)), None);
    }
}
