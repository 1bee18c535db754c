//! Each program, driven by the machine of the engine in virtual time.

mod ankni;
mod bench;
mod fluffer;
mod fmachine;
mod fredorch_rotary;
mod honeyplaybox;
mod monsterpub;
mod ossm;
mod parts;
mod properties;
mod self_described;
mod thehandy;
mod thehandy_v3;
mod vibcrafter;
