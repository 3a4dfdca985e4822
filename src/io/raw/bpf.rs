//! An assembler for the filters of socket(7) (classic BPF, `Documentation/networking/filter.rst`), with jumps to labels.

use socket2::SockFilter;

/// Loads a byte, two or four of the packet into the accumulator.
pub(super) const BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
pub(super) const HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
pub(super) const WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
/// The same, from the index register on.
pub(super) const BYTE_AT: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_IND) as u16;
pub(super) const HALF_AT: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_IND) as u16;
pub(super) const WORD_AT: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_IND) as u16;
/// Loads the length of an IPv4 header, of which this is the first byte, into the index register.
pub(super) const HEADER: u16 = (libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16;
/// Loads a constant into the index register.
pub(super) const INDEX: u16 = (libc::BPF_LDX | libc::BPF_W | libc::BPF_IMM) as u16;
/// Moves the accumulator to the index register.
pub(super) const TAX: u16 = (libc::BPF_MISC | libc::BPF_TAX) as u16;
/// Stores the index register, and loads it again.
pub(super) const STORE_INDEX: u16 = libc::BPF_STX as u16;
pub(super) const LOAD_INDEX: u16 = (libc::BPF_LDX | libc::BPF_W | libc::BPF_MEM) as u16;
/// Arithmetic on the accumulator.
pub(super) const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
pub(super) const LEFT: u16 = (libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K) as u16;
pub(super) const RIGHT: u16 = (libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K) as u16;
pub(super) const ADD_INDEX: u16 = (libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X) as u16;
/// Comparisons of the accumulator with a constant.
pub(super) const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
pub(super) const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
pub(super) const ABOVE: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
pub(super) const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const GO: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// A place in a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// A program in the making. Jumps only lead forwards, as the kernel demands.
#[derive(Debug, Default)]
pub(super) struct Program {
    code: Vec<(u16, u8, u8, u32)>,
    /// Where each label is, once that is known.
    places: Vec<usize>,
    /// Instructions that jump, with where to.
    jumps: Vec<(usize, Label)>,
}

impl Program {
    pub(super) fn label(&mut self) -> Label {
        self.places.push(0);
        Label(self.places.len() - 1)
    }

    /// `label` is here.
    pub(super) fn here(&mut self, label: Label) {
        self.places[label.0] = self.code.len();
    }

    pub(super) fn run(&mut self, code: u16, operand: u32) {
        self.code.push((code, 0, 0, operand));
    }

    /// Goes to `label` where the comparison holds.
    pub(super) fn when(&mut self, comparison: u16, operand: u32, label: Label) {
        // The jumps of a comparison reach no further than 255 instructions; this one always does.
        self.code.push((comparison, 0, 1, operand));
        self.go(label);
    }

    /// Goes to `label` where it does not.
    pub(super) fn unless(&mut self, comparison: u16, operand: u32, label: Label) {
        self.code.push((comparison, 1, 0, operand));
        self.go(label);
    }

    pub(super) fn go(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.run(GO, 0);
    }

    /// Takes so many bytes of the packet, none of it where that is 0.
    pub(super) fn take(&mut self, bytes: u32) {
        self.run(RETURN, bytes);
    }

    pub(super) fn finish(mut self) -> Vec<SockFilter> {
        for (from, label) in &self.jumps {
            self.code[*from].3 = (self.places[label.0] - from - 1) as u32;
        }
        self.code.iter().map(|&(code, when, unless, operand)| SockFilter::new(code, when, unless, operand)).collect()
    }
}

/// A filter that takes nothing.
pub(super) fn nothing() -> Vec<SockFilter> {
    let mut program = Program::default();
    program.take(0);
    program.finish()
}
