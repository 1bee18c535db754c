//! AES-128 in ECB with PKCS#7, as several makers use it.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

const BLOCK: usize = 16;

/// A cipher with its key.
pub(super) struct Cipher(Aes128);

impl Cipher {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        Self(Aes128::new(&Array(*key)))
    }

    /// The text in blocks, padded.
    pub(super) fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let missing = BLOCK - plain.len() % BLOCK;
        let mut padded = plain.to_vec();
        padded.resize(plain.len() + missing, u8::try_from(missing).unwrap_or(0));
        self.blocks(&padded, |cipher, block| cipher.encrypt_block(block))
    }

    /// The text without its padding; `None` if it is not made of whole blocks with a right padding.
    pub(super) fn decrypt(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) {
            return None;
        }
        let mut plain = self.blocks(bytes, |cipher, block| cipher.decrypt_block(block));
        let padding = *plain.last()?;
        let length = plain.len().checked_sub(usize::from(padding))?;
        let padded = (1..=16).contains(&padding) && plain.iter().skip(length).all(|byte| *byte == padding);
        plain.truncate(length);
        padded.then_some(plain)
    }

    fn blocks(
        &self,
        bytes: &[u8],
        turn: impl Fn(&Aes128, &mut Array<u8, aes::cipher::consts::U16>),
    ) -> Vec<u8> {
        let (blocks, _) = bytes.as_chunks::<BLOCK>();
        let turned = blocks.iter().flat_map(|block| {
            let mut block = Array(*block);
            turn(&self.0, &mut block);
            block.0
        });
        turned.collect()
    }
}
