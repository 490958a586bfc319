//! The machine without a runtime: rules by table, and random schedules against a model.

mod model;
mod rules;
mod schedule;
mod trouble;
mod truncation;
mod truncation_schedule;
