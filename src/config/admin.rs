//! `[admin]` and `[metrics]`.

use super::{
    schema::general::{ADMIN_ADDRESS, METRICS_ADDRESS},
    table::Table,
};
use crate::admin::AdminSettings;

pub(super) fn read(admin: &Table<'_>, metrics: Option<&Table<'_>>) -> AdminSettings {
    AdminSettings {
        address: admin.get(&ADMIN_ADDRESS),
        metrics: metrics.and_then(|table| table.get(&METRICS_ADDRESS)),
    }
}
