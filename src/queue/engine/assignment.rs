//! Assigns each recipient of a message to an account, by device, sender or recipient. Pure.
//!
//! The first rule that fits wins: the device's `account`; the first account whose `for_senders`
//! fits the sender; for each recipient the first account whose `for_recipients` fits; the first
//! account of the file. The result depends only on the config and the envelope, so that an entry
//! rebuilt from its spool file goes by the account that the config says.

use std::collections::HashMap;

use crate::{
    model::{AccountName, Address, DeviceName, Envelope, Pattern},
    queue::AccountSettings,
};

/// The assignment rules of a config.
pub struct Routing {
    accounts: Vec<Rule>,
    devices: HashMap<DeviceName, AccountName>,
}

struct Rule {
    name: AccountName,
    senders: Vec<Pattern>,
    recipients: Vec<Pattern>,
}

impl Routing {
    /// `devices` are those with an `account` setting; our own notices count as a device.
    #[must_use]
    pub fn new(accounts: &[AccountSettings], devices: HashMap<DeviceName, AccountName>) -> Self {
        let rule = |account: &AccountSettings| Rule {
            name: account.name.clone(),
            senders: account.for_senders.clone(),
            recipients: account.for_recipients.clone(),
        };
        Self { accounts: accounts.iter().map(rule).collect(), devices }
    }

    /// The account of each recipient, in the order of the recipients.
    #[must_use]
    pub fn accounts(&self, envelope: &Envelope) -> Vec<AccountName> {
        let sender = envelope.sender.mailbox();
        let by_device = self.devices.get(&envelope.device);
        let by_sender = || sender.and_then(|sender| self.first(|rule| &rule.senders, sender));
        let for_all = by_device.or_else(by_sender);
        let default = self.accounts.first().map(|rule| &rule.name);
        let one = |address: &Address| {
            let name = for_all.or_else(|| self.first(|rule| &rule.recipients, address)).or(default);
            // The config rejects a file without accounts.
            name.cloned().unwrap_or_else(|| AccountName::from(""))
        };
        envelope.recipients.iter().map(|recipient| one(&recipient.address)).collect()
    }

    fn first(
        &self,
        patterns: impl Fn(&Rule) -> &Vec<Pattern>,
        address: &Address,
    ) -> Option<&AccountName> {
        let fits = |rule: &&Rule| patterns(rule).iter().any(|pattern| pattern.fits(address));
        self.accounts.iter().find(fits).map(|rule| &rule.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{MessageId, Recipient, ReversePath},
        queue::{
            SenderRewrite,
            fixture::{account, at, envelope},
        },
    };

    fn routing() -> Routing {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let of = |name: &str, senders: &[&str], recipients: &[&str]| AccountSettings {
            for_senders: patterns(senders),
            for_recipients: patterns(recipients),
            ..account(name, SenderRewrite::Never)
        };
        let accounts = [
            of("first", &[], &[]),
            of("sales", &["*@sales.contoso.com"], &[]),
            of("inside", &[], &["*@contoso.com"]),
            of("late", &[], &["*@fabrikam.com", "*@contoso.com"]),
        ];
        Routing::new(&accounts, HashMap::from([("fax".into(), "late".into())]))
    }

    #[track_caller]
    fn check(device: &str, sender: Option<&str>, recipients: &[&str], accounts: &[&str]) {
        let mut envelope = envelope(MessageId::new(at(0), 1), 0);
        envelope.device = device.into();
        envelope.sender = sender
            .map_or(ReversePath::Null, |sender| ReversePath::Mailbox(sender.parse().unwrap()));
        envelope.recipients =
            recipients.iter().map(|address| Recipient::new(address.parse().unwrap())).collect();
        let names: Vec<String> =
            routing().accounts(&envelope).iter().map(ToString::to_string).collect();
        assert_eq!(names, accounts);
    }

    #[test]
    fn device_goes_before_sender_and_sender_before_recipient() {
        check("fax", Some("a@sales.contoso.com"), &["b@contoso.com"], &["late"]);
        check(
            "mfp",
            Some("a@sales.contoso.com"),
            &["b@contoso.com", "c@x.org"],
            &["sales", "sales"],
        );
        check("mfp", Some("a@contoso.com"), &["b@contoso.com"], &["inside"]);
        check("mfp", Some("a@contoso.com"), &["b@x.org"], &["first"]);
    }

    #[test]
    fn recipients_of_one_message_may_go_by_different_accounts() {
        check("mfp", None, &["b@x.org", "c@Contoso.com", "d@x.org"], &["first", "inside", "first"]);
    }
}
