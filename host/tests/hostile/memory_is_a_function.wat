;; load module.abi
(memory {PAGES})
(func (export "memory"))
