;; load module.abi
(memory 2)
(func (export "memory"))
