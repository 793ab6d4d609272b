# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
#
# A guest that moves its counters and then stands still: a boot sector that writes to
# and reads from every hard disk the BIOS knows, sends frames on every RTL8139, and
# halts for good. Nothing counts on afterwards, though the guest is running.
#
# The disk n (from 1) gets 3n writes of one sector and 5n reads of eight, the card n
# gets 4n broadcasts of 60 bytes: no two devices end at the same figures.

        .code16
        .intel_syntax noprefix
        .globl  start

        .set    BUFFER, 0x8000          # zeroes that are written, and what was read
        .set    FRAME, 0xa000

start:  xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        cld
        mov     di, FRAME               # to everybody, from a locally administered
        mov     al, 0xff                # address, of a type for experiments
        mov     cx, 6
        rep     stosb
        mov     si, offset header
        mov     cx, 8
        rep     movsb

        mov     dx, 0x80                # the first hard disk, head 0
disk:   movzx   ebp, dx
        sub     ebp, 0x7f
        lea     si, [ebp + 2*ebp]       # 3n
write:  mov     ax, 0x0301
        call    transfer
        jc      next
        dec     si
        jnz     write
        lea     si, [ebp + 4*ebp]       # 5n
read:   mov     ax, 0x0208          # eight sectors
        call    transfer
        jc      next
        dec     si
        jnz     read
next:   inc     dx
        cmp     dl, 0x88
        jb      disk

        xor     si, si                  # the first card
card:   mov     ax, 0xb102              # PCI BIOS: find the device
        mov     cx, 0x8139
        mov     dx, 0x10ec
        int     0x1a
        jc      halt
        mov     di, 0x04                # command: I/O, memory, bus master
        mov     cx, 0x0007
        mov     ax, 0xb10c
        int     0x1a
        mov     di, 0x10                # the base of its registers
        mov     ax, 0xb109
        int     0x1a
        and     cl, 0xfc
        mov     bx, cx
        lea     dx, [bx + 0x37]         # command: transmitter on
        mov     al, 0x04
        out     dx, al
        inc     si
        mov     bp, si
four:   mov     cx, 4                   # its four descriptors, in turn
        lea     dx, [bx + 0x20]
send:   mov     eax, FRAME
        out     dx, eax                 # where the frame is
        sub     dx, 0x10
        mov     eax, 60
        out     dx, eax                 # how long it is: it goes
        add     dx, 0x14
        loop    send
        dec     bp
        jnz     four
        jmp     card

halt:   cli
        hlt
        jmp     halt

# Moves AL sectors, from the second one on, between the disk DL and the buffer.
transfer:
        push    dx
        push    bp
        mov     cx, 2
        mov     bx, BUFFER
        int     0x13
        pop     bp
        pop     dx
        ret

header: .byte   0x02, 0, 0, 0, 0, 1, 0x88, 0xb5

        .org    510
        .word   0xaa55
