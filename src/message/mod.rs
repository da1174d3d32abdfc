//! The message itself: trace, and the text on its way out. Reading, repair and rewriting of the header block belong here.

mod text;
mod trace;

pub use text::Text;
pub use trace::received;
