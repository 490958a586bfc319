//! The rules of the house, as a test: what a reviewer would otherwise have to repeat.
//!
//! Every rule is a function from one piece of text to its complaints, and every rule is shown, in
//! the test beside it, to complain about a bad piece and to pass a good one.

mod code;
mod manifests;
mod rules;
mod shape;
mod size;
mod source;
mod text;

use source::{Source, Workspace};

/// One broken rule: where, and what to do about it.
type Complaint = String;

fn report(complaints: &[Complaint]) {
    assert!(complaints.is_empty(), "{} broken rules:\n{}", complaints.len(), complaints.join("\n"));
}

fn over_code(rule: impl Fn(&Source) -> Vec<Complaint>) {
    let workspace = Workspace::here();
    assert!(workspace.sources.len() > 10, "no sources below {}", workspace.root.display());
    report(&workspace.sources.iter().flat_map(rule).collect::<Vec<_>>());
}

fn over_text(rule: impl Fn(&str, &str) -> Vec<Complaint>) {
    let workspace = Workspace::here();
    report(&workspace.texts.iter().flat_map(|(path, text)| rule(path, text)).collect::<Vec<_>>());
}

#[test]
fn files_and_functions_are_short() {
    over_code(size::lengths);
}

#[test]
fn only_drivers_are_async() {
    over_code(rules::only_drivers_are_async);
}

#[test]
fn clock_tasks_and_threads_come_through_the_runtime_crate() {
    over_code(rules::seams);
}

#[test]
fn files_are_touched_only_behind_the_disk_seam() {
    over_code(rules::files);
}

#[test]
fn client_and_broker_never_see_each_other() {
    over_code(rules::strangers);
}

#[test]
fn select_is_biased() {
    over_code(rules::select_is_biased);
}

#[test]
fn no_static_holds_state() {
    over_code(rules::statics);
}

#[test]
fn no_drop_does_work() {
    over_code(rules::drops);
}

#[test]
fn settings_name_their_default_and_kafkas_name() {
    over_code(size::settings);
}

#[test]
fn nothing_is_left_over() {
    over_text(text::leftovers);
}

#[test]
fn text_is_ascii() {
    over_text(text::ascii);
}

#[test]
fn the_judge_knows_neither_client_nor_broker() {
    over_text(text::judge_is_apart);
}

#[test]
fn no_registry_is_named() {
    over_text(text::registries);
}

#[test]
fn code_blocks_of_journeys_name_real_functions() {
    let workspace = Workspace::here();
    report(&text::journeys(workspace.text("ARCHITECTURE.md"), &workspace.sources));
}

#[test]
fn dependencies_are_the_ones_agreed_on() {
    let workspace = Workspace::here();
    let mut complaints = manifests::reasons(workspace.text("Cargo.toml"));
    for (name, allowed) in manifests::ALLOWED {
        let path = format!("{name}/Cargo.toml");
        complaints.extend(manifests::direct(&path, workspace.text(&path), allowed));
    }
    report(&complaints);
}
