//! Status lists: unpacked within bounds, believed only as signed, kept as long as they say.

mod fetched;
mod kept;
mod read;
mod world;
