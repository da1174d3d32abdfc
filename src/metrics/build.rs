//! The metric that says which program is running.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

/// The labels of the metric about the program.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct BuildLabel {
    version: &'static str,
    architecture: &'static str,
    legacy_tls: &'static str,
}

/// Registers a metric that is always 1: its labels are the message.
pub(super) fn register(registry: &mut Registry) {
    let info = Family::<BuildLabel, Gauge>::default();
    let label = BuildLabel {
        version: env!("CARGO_PKG_VERSION"),
        architecture: std::env::consts::ARCH,
        legacy_tls: if cfg!(feature = "legacy-tls") { "yes" } else { "no" },
    };
    info.get_or_create(&label).set(1);
    registry.register("build_info", "1; the labels say which program is running", info);
}
