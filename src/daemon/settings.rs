//! What each part takes from the config, and the channels over which it gets it.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::watch;

use crate::{
    config::Config,
    device::{DeviceSettings, DirectorySettings},
    listener::{ReceivingSettings, Tls},
    model::{AccountName, DeviceName, Envelope},
    queue::{QueueSettings, Routing},
    report::{ReportSettings, Reporter},
    spool::{RouteMessage, Routes},
};

/// Where the settings of each part are sent. A part goes by the latest.
pub(super) struct Senders {
    pub(super) queue: watch::Sender<Arc<QueueSettings>>,
    pub(super) report: watch::Sender<Arc<ReportSettings>>,
    pub(super) directory: watch::Sender<Arc<DirectorySettings>>,
    pub(super) receiving: watch::Sender<Arc<ReceivingSettings>>,
    pub(super) routing: watch::Sender<Arc<Routing>>,
}

impl Senders {
    /// The settings at the start. Those of the routing were needed before.
    pub(super) fn new(config: &Config, tls: Tls, routing: watch::Sender<Arc<Routing>>) -> Self {
        Self {
            queue: watch::Sender::new(Arc::new(queue(config))),
            report: watch::Sender::new(Arc::new(config.report.clone())),
            directory: watch::Sender::new(Arc::new(directory(config, None))),
            receiving: watch::Sender::new(Arc::new(receiving(config, tls))),
            routing,
        }
    }

    /// Sends the settings of another config. New devices are known before a new listener accepts
    /// them, and new accounts before mail is routed to them.
    pub(super) fn send(&self, config: &Config, tls: Tls, learning: Option<&DeviceSettings>) {
        self.queue.send_replace(Arc::new(queue(config)));
        self.report.send_replace(Arc::new(config.report.clone()));
        self.routing.send_replace(Arc::new(routing(config)));
        self.send_devices(config, learning);
        self.receiving.send_replace(Arc::new(receiving(config, tls)));
    }

    /// Sends the devices and users, with the device that unknown ones count as.
    pub(super) fn send_devices(&self, config: &Config, learning: Option<&DeviceSettings>) {
        self.directory.send_replace(Arc::new(directory(config, learning)));
    }
}

pub(super) fn queue(config: &Config) -> QueueSettings {
    QueueSettings { accounts: config.accounts.clone(), retry: config.retry.clone() }
}

fn directory(config: &Config, learning: Option<&DeviceSettings>) -> DirectorySettings {
    DirectorySettings {
        devices: config.devices.iter().chain(learning).cloned().collect(),
        users: config.users.clone(),
        hostname: config.hostname.clone(),
    }
}

fn receiving(config: &Config, tls: Tls) -> ReceivingSettings {
    ReceivingSettings { hostname: config.hostname.clone(), limits: config.receiving, tls }
}

/// Decides the accounts of each message. Our own mail goes by the account of `[report]`.
pub(super) fn routing(config: &Config) -> Routing {
    let named = |device: &DeviceSettings| Some((device.name.clone(), device.account.clone()?));
    let mut devices: HashMap<DeviceName, AccountName> =
        config.devices.iter().filter_map(named).collect();
    devices.insert(DeviceName::from(Reporter::OWN_DEVICE), config.report.account.clone());
    Routing::new(&config.accounts, devices)
}

/// Routes each message by the latest settings.
pub(super) fn route(routing: watch::Receiver<Arc<Routing>>) -> RouteMessage {
    Arc::new(move |envelope: &Envelope| Routes::new(routing.borrow().accounts(envelope)))
}
