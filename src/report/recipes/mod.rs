//! Ready-to-paste settings: one table of targets, a row each, rendered from the same [`Settings`].
//!
//! A target is a system that somebody configures. Its row says what it is, which kind of refresh its settings send, which
//! keys carry which number in which unit and within which limits, and where that is documented. Numbers are rounded so
//! that they stay safe: what refreshes a path down, what must outlast a refresh up. What a target cannot express, or what
//! was measured not to work on the path, is withheld with the reason.
//!
//! - [`table`]: the shape of a row; [`targets`]: the rows, a file for each family;
//! - [`render`](mod@render): from settings to text, or to the reason why not;
//! - [`find`]: by name, with near misses.

pub mod find;
pub mod render;
pub mod table;
mod targets;

pub use find::{ALL, UnknownTarget, find};
pub use render::{Recipe, RecipeFile, Withheld, render};
pub use table::{Carrier, Family, File, Key, Role, Sends, Target, Unit};
pub use targets::all;
