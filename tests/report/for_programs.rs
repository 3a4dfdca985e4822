//! The document for programs.

use crate::{doubt, forgotten, info, plan};
use idlescope::journal::columns::{HOLDS, SUMMARY, TOOL_VERSION};
use idlescope::measure::Plan;
use idlescope::report::{json, plan_json};
use serde_json::Value;

#[test]
fn the_document_has_the_names_of_the_csv() {
    let (mut found, holds) = forgotten();
    found.doubts = vec![doubt("few", "too few", "more")];
    let mut document = json(&info(), &plan(true), &found, &holds[..2]);
    let sorted = |names: &[&str]| {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    };
    let keys = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&document["holds"][0]), sorted(&HOLDS));
    assert_eq!(keys(&document["summary"][1]), sorted(&SUMMARY));
    assert_eq!(document["summary"].as_array().unwrap().len(), 2);
    assert_eq!(document["plan"], plan_json(&plan(true)));
    document["plan"] = Value::Null;
    // One row of each is enough to see.
    document["holds"].as_array_mut().unwrap().truncate(1);
    document["summary"].as_array_mut().unwrap().truncate(1);
    let text = serde_json::to_string_pretty(&document).unwrap();
    insta::assert_snapshot!(text.replace(&format!("\"{TOOL_VERSION}\""), "\"VERSION\""));
}

#[test]
fn a_plan_is_complete_as_a_document() {
    let request = plan(true).request;
    let plan = Plan::new(request).unwrap();
    let document = plan_json(&plan);
    let count = |key: &str| document[key].as_array().unwrap().len() as u64;
    let ladder = count("rungs_s") + count("fan_offsets_s") + document["spares"].as_u64().unwrap();
    assert_eq!(ladder + document["client_first"].as_u64().unwrap(), u64::from(plan.request.connections));
    assert_eq!(document["first_speaker"], "server");
    assert_eq!(document["max_s"], 630.0);
    assert!(document["packets"].as_u64().unwrap() > 0);
}
