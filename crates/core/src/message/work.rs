//! Counts the octets that are looked at while a header is worked on.
//!
//! One message must not hold up the daemon, so every computation over a header takes time in
//! proportion to its length. The clock cannot show that on a busy machine; this count can. Each
//! function that walks through a text reports its length here. The count exists in tests only.

#[cfg(test)]
thread_local! {
    static LOOKED_AT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// `text` is walked through once, or at most once.
pub(super) fn looks_at(text: impl AsRef<[u8]>) {
    #[cfg(test)]
    LOOKED_AT.with(|count| {
        count.set(count.get() + u64::try_from(text.as_ref().len()).unwrap_or(u64::MAX));
    });
    #[cfg(not(test))]
    let _length = text.as_ref().len();
}

/// The octets that `work` looks at.
#[cfg(test)]
pub(super) fn count(work: impl FnOnce()) -> u64 {
    LOOKED_AT.with(|count| count.set(0));
    work();
    LOOKED_AT.with(std::cell::Cell::get)
}
