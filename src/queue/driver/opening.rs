//! Opens the runtime of an account at startup from what earlier processes have stored.

use tracing::warn;

use crate::{
    clock::Clock,
    model::Timestamp,
    queue::{
        AccountSettings,
        driver::account::Shared,
        engine::{
            account_runtime::AccountRuntime,
            budget::{Budget, BudgetChange},
            health::{Health, remembered::Remembered},
        },
    },
    spool::{Change, Memo, MemoKind, Spool, SpoolError},
};

/// Opens an account.
pub(in crate::queue) fn open(
    settings: &AccountSettings,
    spool: &Spool,
    clock: &Clock,
) -> Result<Shared, SpoolError> {
    let now = clock.steady();
    let (budget, lost_until) = open_budget(settings, spool, now)?;
    let lost_until = lost_until.map(|until| clock.time_of_day(until));
    // A record that cannot be read is of an unknown form, which does not prevent the start.
    let name = settings.name.as_str();
    let health = spool.recall::<Remembered>(MemoKind::AccountHealth, name).ok().flatten();
    let health = health.map_or_else(Health::ready, |health| Health::from(health).restored(now));
    let runtime = AccountRuntime::new(settings, health, budget);
    let last_delivery = spool.recall::<Timestamp>(MemoKind::LastDelivery, name).ok().flatten();
    Ok(Shared {
        runtime,
        workers: 0,
        starting: false,
        orders: 0,
        last_delivery,
        expiry: None,
        lost_until,
    })
}

/// Opens the budget. Also returns until when it counts as used up because the index was lost.
fn open_budget(
    settings: &AccountSettings,
    spool: &Spool,
    now: Timestamp,
) -> Result<(Budget, Option<Timestamp>), SpoolError> {
    let mut budget = Budget::new(settings.name.clone(), &settings.limits);
    // Reads from the beginning of time, so that charges too old to matter are refunded.
    let restored = budget.restore(spool.charges(&settings.name, Timestamp::ZERO)?, now);
    if !restored.refund.is_empty() {
        store(spool, restored)?;
    }
    if !was_lost(spool)? {
        return Ok((budget, None));
    }
    let assumed = budget.assume_worst(now);
    let Some(last) = assumed.charge.iter().map(|charge| charge.at).max() else {
        return Ok((budget, None));
    };
    let until = last.plus(budget.window());
    let account = settings.name.as_str();
    warn!(account, %until, "the index was lost; the budget counts as used up");
    store(spool, assumed)?;
    Ok((budget, Some(until)))
}

fn store(spool: &Spool, change: BudgetChange) -> Result<(), SpoolError> {
    let BudgetChange { charge, refund } = change;
    spool.apply(Change { charge, refund, ..Change::default() })
}

/// Whether the charges stored by earlier processes were lost with the index.
fn was_lost(spool: &Spool) -> Result<bool, SpoolError> {
    Ok(spool.index_lost_at()?.is_some())
}

/// Marks the loss as accounted for.
pub(in crate::queue) fn forget_loss(spool: &Spool) -> Result<(), SpoolError> {
    if !was_lost(spool)? {
        return Ok(());
    }
    spool.apply(Change { remember: vec![Memo::index_loss_is_known()], ..Change::default() })
}
