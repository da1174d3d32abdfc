//! The recipients that share a transaction, and how a refused group is halved. Pure.

use crate::{
    entry::{Entry, RecipientState},
    model::Timestamp,
    queue::Split,
};

/// Whether a recipient is due.
pub(in crate::queue) fn is_due(recipient: &RecipientState, now: Timestamp) -> bool {
    recipient.due().is_some_and(|due| due <= now)
}

/// The recipients of the next transaction, by their place in the entry. They are at most `most` of
/// those for which `go` holds; there are none when none is due.
pub(in crate::queue) fn choose(
    entry: &Entry,
    split: Split,
    most: usize,
    now: Timestamp,
    go: impl Fn(&RecipientState) -> bool,
) -> Vec<usize> {
    let goes = |recipient: &RecipientState| is_due(recipient, now) && go(recipient);
    let mut due =
        entry.recipients.iter().enumerate().filter(|(_, recipient)| goes(recipient)).peekable();
    let Some((_, first)) = due.peek().copied() else {
        return Vec::new();
    };
    let shares = |recipient: &RecipientState| match split {
        Split::Never => true,
        Split::Always => false,
        Split::OnFailure => recipient.group == first.group,
    };
    let most = if split == Split::Always { most.min(1) } else { most };
    due.enumerate()
        .filter(|(place, (_, recipient))| *place == 0 || shares(recipient))
        .map(|(_, (index, _))| index)
        .take(most)
        .collect()
}

/// Gives each half of a refused transaction a group of its own. The other recipients keep their
/// groups.
pub(in crate::queue) fn halve(recipients: &mut [RecipientState], refused: &[usize]) {
    let newest = recipients.iter().map(|recipient| recipient.group).max().unwrap_or(0);
    let (first, second) = refused.split_at(refused.len().div_ceil(2));
    for (half, group) in [(first, newest.saturating_add(1)), (second, newest.saturating_add(2))] {
        for index in half {
            if let Some(recipient) = recipients.get_mut(*index) {
                recipient.group = group;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::queue::fixture::{at, entry};

    fn check(split: Split, most: usize, groups: &[u32], due: &[u64], chosen: &[usize]) {
        let mut entry = entry(groups.len());
        for (recipient, (group, due)) in entry.recipients.iter_mut().zip(groups.iter().zip(due)) {
            recipient.group = *group;
            recipient.progress = crate::entry::Progress::Waiting { due: at(*due) };
        }
        assert_eq!(
            choose(&entry, split, most, at(100), |_| true),
            chosen,
            "{split:?} {most} {groups:?} {due:?}"
        );
    }

    #[test]
    fn recipients_share_transactions_as_the_config_says() {
        check(Split::Never, 500, &[0, 1, 2], &[0, 0, 0], &[0, 1, 2]);
        check(Split::Never, 2, &[0, 0, 0], &[0, 0, 0], &[0, 1]);
        check(Split::Always, 500, &[0, 0, 0], &[0, 0, 0], &[0]);
        check(Split::OnFailure, 500, &[0, 0, 0], &[0, 0, 0], &[0, 1, 2]);
        check(Split::OnFailure, 500, &[1, 2, 1], &[0, 0, 0], &[0, 2]);
    }

    #[test]
    fn only_those_that_are_due_are_chosen() {
        check(Split::Never, 500, &[0, 0, 0], &[101, 100, 99], &[1, 2]);
        check(Split::OnFailure, 500, &[1, 2, 2], &[101, 100, 99], &[1, 2]);
        check(Split::Never, 500, &[0], &[101], &[]);
        check(Split::Never, 0, &[0], &[0], &[]);
    }

    #[test]
    fn recipients_of_another_account_are_left_to_it() {
        let mut entry = entry(3);
        entry.recipients[1].account = Some("other".into());
        let of = |account: &str| {
            choose(&entry, Split::Never, 500, at(100), |recipient| {
                entry.account_of(recipient).as_str() == account
            })
        };
        assert_eq!(of(entry.account.as_str()), [0, 2]);
        assert_eq!(of("other"), [1]);
    }

    proptest! {
        #[test]
        fn halving_ends_with_each_recipient_alone_after_few_attempts(count in 1usize..300) {
            let mut recipients = entry(count).recipients;
            let mut groups = vec![(0..count).collect::<Vec<_>>()];
            let mut rounds = 0;
            while groups.iter().any(|group| group.len() > 1) {
                for group in groups.iter().filter(|group| group.len() > 1) {
                    halve(&mut recipients, group);
                }
                let mut by_group = std::collections::BTreeMap::<u32, Vec<usize>>::new();
                for (index, recipient) in recipients.iter().enumerate() {
                    by_group.entry(recipient.group).or_default().push(index);
                }
                groups = by_group.into_values().collect();
                rounds += 1;
            }
            prop_assert_eq!(groups.len(), count);
            prop_assert!(1usize << rounds < 2 * count.max(1));
        }
    }
}
