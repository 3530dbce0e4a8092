;; answer engine.trap
(func (export "ambit_alloc") (param i32) (result i32) (i32.const -1))
