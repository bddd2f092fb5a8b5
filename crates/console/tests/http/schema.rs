//! Just enough of JSON Schema to hold what is sent to what is described.

use serde_json::Value;

/// What does not fit, as `path: problem`. A field that is not described is a mistake too.
pub(crate) fn mistakes(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(document, schema, value, "$", &mut found);
    found
}

fn check(document: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).expect("references lead somewhere");
        return check(document, target, value, path, found);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        if choices.iter().all(|choice| !mistakes(document, choice, value).is_empty()) {
            found.push(format!("{path}: fits none of the choices: {value}"));
        }
        return;
    }
    let fits = match schema["type"].as_str().expect("every schema has a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("`{other}` is not known here"),
    };
    if !fits {
        found.push(format!("{path}: not of type {}: {value}", schema["type"]));
        return;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{path}: not one of the words: {value}"));
    }
    if let (Some(max), Some(text)) = (schema["maxLength"].as_u64(), value.as_str())
        && text.chars().count() as u64 > max
    {
        found.push(format!("{path}: too long"));
    }
    if schema["format"] == "date-time" && value.as_str().is_none_or(|text| text.parse::<activity::Timestamp>().is_err())
    {
        found.push(format!("{path}: no time: {value}"));
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(required) {
                found.push(format!("{path}.{required}: missing"));
            }
        }
        for (name, field) in fields {
            match properties.get(name) {
                Some(property) => check(document, property, field, &format!("{path}.{name}"), found),
                None => found.push(format!("{path}.{name}: not described")),
            }
        }
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{path}[{at}]"), found);
    }
}
